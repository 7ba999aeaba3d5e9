"""What administrators set while servers run, in memory: no call asks the database for it."""

from fairlift_server.access.exposure_tokens import ExposureTokens
from fairlift_server.store.database import Transaction
from fairlift_server.store.exposure_keys import ExposureKey, exposure_keys
from fairlift_server.store.shop_settings import ExposureTokenUse, ShopSettings, shop_settings


class ShopPolicy:
    """The settings as they were read last.

    Args:
        environment: of this server.

    Attributes:
        issued_tokens: makes exposure tokens; None: assignments come without.
        required_tokens: checks exposure tokens; None: exposures need none.
    """

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._etag = ""
        self.issued_tokens: ExposureTokens | None = None
        self.required_tokens: ExposureTokens | None = None

    def changed(self, transaction: Transaction) -> tuple[ShopSettings, list[ExposureKey]] | None:
        """The stored settings and keys; None where they are known already."""
        settings = shop_settings(transaction)
        return None if settings.etag == self._etag else (settings, exposure_keys(transaction))

    def take(self, settings: ShopSettings, keys: list[ExposureKey]) -> None:
        """These hold from now on."""
        self._etag = settings.etag
        use, tokens = settings.exposure_tokens, ExposureTokens(keys, self._environment)
        self.issued_tokens = None if use is ExposureTokenUse.OFF else tokens
        self.required_tokens = tokens if use is ExposureTokenUse.REQUIRED else None
