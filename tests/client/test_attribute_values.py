"""One meaning of every attribute: here, on the server, and in the recorded exposure."""

from collections import UserString
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from math import inf, nan
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from django.utils.functional import SimpleLazyObject
from fairlift import Client, Reason
from fairlift.engine.attribute_values import attribute_value
from fairlift.engine.snapshot import Snapshot
from fairlift.wire.snapshot import snapshot_to
from fairlift_cli.audience.parser import parse

from tests.assignment_messages import attributes_from
from tests.client.shop import Shop, running
from tests.engine.oracle import holds


class Country(StrEnum):
    SPAIN = "ES"


class Count(IntEnum):
    THIRTY = 30


class Plan(Enum):
    SPAIN = "ES"
    THIRTY = 30
    NOTHING = b"ES"


class OddText(str):
    """A text that compares and hashes as no other does."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    # This is how Python makes a class unhashable.
    __hash__ = None  # type: ignore[assignment]


class Raising:
    """Raises whatever it is asked."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("ask me nothing")

    __eq__ = __lt__ = __bool__ = __float__ = __str__ = __iter__ = _raise


class RaisingDecimal(Decimal):
    def __float__(self) -> float:
        raise RuntimeError("the request is over")


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
A_UUID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
# A value, and what it means by the table in docs/sdk.md.
MEANINGS: list[tuple[Any, Any]] = [
    *((text, text) for text in ("ES", "", "Málaga", "1.2.3", "30", "true", "ESP", "\x00")),
    *((text, "ES") for text in (Country.SPAIN, Plan.SPAIN, np.str_("ES"), OddText("ES"))),
    ("ES\ud800", None),
    *((flag, flag) for flag in (True, False)),
    *((np.bool_(flag), flag) for flag in (True, False)),
    *((number, number) for number in (0, 1, 2, 30, -0.0, 1.0, 29.5, nan, inf, -inf)),
    *((thirty(30), 30.0) for thirty in (np.int64, np.uint8, np.float64, np.float16, np.longdouble)),
    *((thirty, 30.0) for thirty in (Count.THIRTY, Plan.THIRTY, Decimal("30.00"), Fraction(30))),
    (np.float32(0.1), float(np.float32(0.1))),
    (Fraction(59, 2), 29.5),
    (Decimal("NaN"), nan),
    (Decimal("sNaN"), nan),
    (Decimal("1e400"), inf),
    (10**400, inf),
    (-(10**400), -inf),
    (2**53 + 1, 2.0**53),
    (-(2**53) - 1, -(2.0**53)),
    (NEW_YEAR, NEW_YEAR),
    (NEW_YEAR.replace(tzinfo=None), NEW_YEAR),
    (NEW_YEAR.astimezone(timezone(timedelta(hours=-5))), NEW_YEAR),
    (date(2026, 1, 1), NEW_YEAR),
    (date(2026, 1, 2), NEW_YEAR + timedelta(days=1)),
    (np.datetime64("2026-01-01"), NEW_YEAR),
    (np.datetime64("2026-01-01T00:00:00.000000999"), NEW_YEAR),
    (np.datetime64("2025-12-31T23:59:59.999999"), NEW_YEAR - timedelta(microseconds=1)),
    (A_UUID, str(A_UUID)),
    ([], ()),
    *((one(["ES"]), ("ES",)) for one in (list, tuple, set, frozenset)),
    (["RO", Country.SPAIN, OddText("PT")], ("RO", "ES", "PT")),
    # Not a value of the contract.
    (None, None),
    *((unknown, None) for unknown in (b"ES", bytearray(b"ES"), object(), 1j, {"ES": 1})),
    *((unknown, None) for unknown in (time(12), timedelta(1), iter(["ES"]), range(3))),
    *((unknown, None) for unknown in (np.array([30]), np.array(30), np.complex128(30))),
    *((unknown, None) for unknown in (np.bytes_(b"ES"), np.datetime64("NaT"), np.timedelta64(1))),
    (np.datetime64("20000-01-01"), None),
    (pd.Timestamp("2026-01-01T00:00:00.000000999"), NEW_YEAR),
    *((unknown, None) for unknown in (pd.NaT, pd.NA)),
    (datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), None),
    *((unknown, None) for unknown in (["ES", 30], [["ES"]], ["\ud800"], [None], Plan.NOTHING)),
    *((unknown, None) for unknown in (UserString("ES"), SimpleLazyObject(lambda: "ES"))),
    *((unknown, None) for unknown in (Raising(), [Raising()], RaisingDecimal(30))),
]
CONDITIONS = [
    *("x == 30", "x == 1", "x == 9007199254740992", 'x == "ES"', "x == 2026-01-01", "x == true"),
    *("x == false", "x != 30", 'x != "ES"', "x != 2026-01-01", "x != true", "x < 30", "x >= 30"),
    *("x > 9007199254740992", "x <= -9007199254740992", "x > 2025-12-31", "x <= 2026-01-01"),
    *("x between 29 and 30", "x between 2026-01-01 and 2026-01-02", 'x in ["ES", "RO"]'),
    *("x in [1, 30]", 'x in [true, "a"]', "x in [2026-01-01]", 'x not in ["ES"]'),
    *('x not in [30, "a"]', 'x starts_with "E"', 'x ends_with "S"', 'x contains "ES"'),
    *('version(x) >= "1.0"', "exists(x)", "not exists(x)", "not x == 30"),
]


def names(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize(("value", "meaning"), MEANINGS, ids=names)
def test_value_means_what_the_table_says(value: Any, meaning: Any) -> None:
    actual = attribute_value(value)

    assert actual is meaning or actual == meaning or (actual != actual and meaning != meaning)
    assert type(actual) in (str, float, bool, datetime, tuple, type(None))
    assert (type(actual) is bool) == (type(meaning) is bool)
    again = attribute_value(actual)
    assert again == actual or actual != actual


def test_set_of_texts_is_recorded_in_order() -> None:
    assert attribute_value({"c", "a", "b"}) == ("a", "b", "c")


@pytest.fixture
def audiences(shop: Shop) -> Shop:
    """A shop with one campaign for each condition."""
    campaigns = [
        running(f"c{number}", audience=parse(condition))
        for number, condition in enumerate(CONDITIONS)
    ]
    shop.snapshot = snapshot_to(Snapshot("e1", None, tuple(campaigns)))
    shop.snapshot.create_time.GetCurrentTime()
    return shop


def test_answer_is_the_same_here_on_the_server_and_from_the_record(audiences: Shop) -> None:
    pairs, differing = 0, list[tuple[Any, ...]]()
    with (
        Client(audiences.target) as local,
        Client(audiences.target, decide="server", timeout_s=10) as thin,
    ):
        assert local.wait_ready(10)
        for number, (value, meaning) in enumerate(MEANINGS):
            here = local.assign_all(f"v{number}", {"x": value}, expose=True)
            there = thin.assign_all(f"v{number}", {"x": value})
            for index, condition in enumerate(CONDITIONS):
                pairs += 1
                reasons = here[f"c{index}"].reason, there[f"c{index}"].reason
                if {*reasons} != {_expected(condition, meaning)}:
                    differing.append((value, condition, *reasons))
        assert local.flush(10)

    for exposure in audiences.of_kind("exposure"):
        _, meaning = MEANINGS[int(exposure.unit_id.removeprefix("v"))]
        recorded = attributes_from(exposure.attributes).get("x")
        if recorded != meaning and meaning == meaning:
            differing.append((recorded, exposure.campaign, meaning))
    assert differing == []
    assert pairs >= 900


def _expected(condition: str, meaning: Any) -> Reason:
    """By the independent reading of conditions."""
    known = list(meaning) if isinstance(meaning, tuple) else meaning
    is_in = holds(parse(condition), {"x": known})
    return Reason.ASSIGNED if is_in else Reason.NOT_IN_AUDIENCE


@pytest.mark.parametrize("flag", [True, np.bool_(True)])
@pytest.mark.parametrize("decide", ["local", "server"])
def test_bot_of_any_class_is_a_bot_everywhere(shop: Shop, flag: Any, decide: Any) -> None:
    with Client(shop.target, decide=decide, timeout_s=10) as client:
        assert client.wait_ready(10)
        for attributes in ({"is_bot": flag}, {"user_agent": OddText("curl/8")}):
            shown = client.assign("spring", "v", {"country": "ES", **attributes})
            assert shown.reason is Reason.BOT
