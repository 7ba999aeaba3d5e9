"""The calls of AdminService that concern the shop's settings."""

from collections.abc import Callable

from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import admin_service_pb2 as pb

from fairlift_server.access.settings_changes import change_settings
from fairlift_server.access.token_watch import TokenWatch
from fairlift_server.api.authors import Authors
from fairlift_server.api.call_record import Context
from fairlift_server.api.names import checked_reason
from fairlift_server.store.database import Store
from fairlift_server.store.shop_settings import ExposureTokenUse, ShopSettings, shop_settings

_USE_FROM = {
    pb.EXPOSURE_TOKEN_USE_UNSPECIFIED: ExposureTokenUse.OFF,
    pb.EXPOSURE_TOKEN_USE_ISSUED: ExposureTokenUse.ISSUED,
    pb.EXPOSURE_TOKEN_USE_REQUIRED: ExposureTokenUse.REQUIRED,
}
_USE_TO = {use: number for number, use in _USE_FROM.items()}


class SettingsCalls:
    """Reads and changes what administrators set while the server runs.

    Args:
        store: the database.
        watch: makes this server know of a change at once.
        authors: tell who calls.
        environment: of this server.
        currency: of the shop.
        now_us: microseconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        watch: TokenWatch,
        authors: Authors,
        *,
        environment: str,
        currency: str,
        now_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._watch = watch
        self._authors = authors
        self._environment = environment
        self._currency = currency
        self._now_us = now_us

    async def get(self, request: pb.GetSettingsRequest, context: Context) -> pb.Settings:
        """The settings as they are."""
        return self._message(await self._store.read(shop_settings))

    async def update(self, request: pb.UpdateSettingsRequest, context: Context) -> pb.Settings:
        """The settings after the change."""
        wanted, reason = request.settings, checked_reason(request.reason)
        author = self._authors.of(context)
        changed = await self._store.write(
            lambda transaction: change_settings(
                transaction,
                _settings_from(wanted),
                time_us=self._now_us(),
                author=author,
                reason=reason,
                new_exposure_key=request.new_exposure_key,
            )
        )
        await self._watch.refresh()
        return self._message(changed)

    def _message(self, settings: ShopSettings) -> pb.Settings:
        return pb.Settings(
            etag=settings.etag,
            environment=self._environment,
            currency_code=self._currency,
            retention_days=settings.retention_days,
            exposure_tokens=_USE_TO[settings.exposure_tokens],
            largest_order_micros=settings.largest_order_micros,
            largest_action_values=settings.largest_action_values,
        )


def _settings_from(message: pb.Settings) -> ShopSettings:
    if message.exposure_tokens not in _USE_FROM:
        names = ", ".join(pb.ExposureTokenUse.Name(number) for number in _USE_FROM)
        text = f"is {message.exposure_tokens}, must be one of {names}"
        raise InvalidRequest([Violation("settings.exposure_tokens", text)])
    sent = {field.name for field, _ in message.ListFields()}
    return ShopSettings(
        message.etag,
        message.retention_days if "retention_days" in sent else None,
        _USE_FROM[message.exposure_tokens],
        message.largest_order_micros if "largest_order_micros" in sent else None,
        dict(message.largest_action_values),
    )
