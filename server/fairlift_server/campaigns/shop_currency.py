"""The shop's currency, in which the amounts of the ledger are."""

import secrets
from dataclasses import replace

from fairlift.engine.errors import WrongState

from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.database import Transaction


def set_currency(transaction: Transaction, currency: str) -> None:
    """Writes the currency of a new ledger down.

    Raises:
        WrongState: the ledger's amounts are in another one.
    """
    shop = campaign_store.current_shop(transaction)
    if shop is None:
        shop = campaign_store.Shop(currency, holdout_bps=0, holdout_salt=secrets.token_hex(16))
    elif shop.currency_code != currency and campaign_store.must_keep_currency(transaction):
        raise WrongState(
            f"FAIRLIFT_CURRENCY is {currency}, but the ledger's amounts are in "
            f"{shop.currency_code}; set it back, or use another database"
        )
    campaign_store.put_shop(transaction, replace(shop, currency_code=currency))
