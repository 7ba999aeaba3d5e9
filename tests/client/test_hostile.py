"""Whatever a storefront hands in, pure or compiled: an answer, the same one, and no exception."""

import copy
import gc
import inspect
import logging
import pickle
import sys
from collections import ChainMap, UserDict, UserString
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import numpy as np
import pytest
from django.utils.datastructures import MultiValueDict
from django.utils.functional import SimpleLazyObject
from fairlift import Assignment, Client, Reason, snapshot_file
from fairlift.engine.campaign import Campaign, Lifecycle, State, UnitKind, Variant
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.matching import matcher
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.wire.snapshot import snapshot_to
from fairlift_cli.audience.parser import parse

NOWHERE = "127.0.0.1:1"


def salted(campaign: str, audience: str, unit: UnitKind = UnitKind.VISITOR) -> SnapshotCampaign:
    variants = (Variant("a", control=True), Variant("b", payload={"percent": 10, "tags": ["x"]}))
    return SnapshotCampaign(
        Campaign(
            campaign,
            variants,
            unit=unit,
            audience=parse(audience),
            lifecycle=Lifecycle(state=State.RUNNING),
        ),
        "11" * 16,
        "22" * 16,
    )


@pytest.fixture
def client(tmp_path: Path) -> Any:
    """A client with a snapshot and no server; untyped, as a caller without a type checker is."""
    campaigns = (
        salted("spain", 'country == "ES"'),
        salted("dear", "cart >= 30 and cart != 31"),
        salted("loyal", "not vip", UnitKind.CUSTOMER),
    )
    message = snapshot_to(Snapshot("etag", datetime.now(UTC), campaigns))
    snapshot_file.save(tmp_path / "snapshot", message.SerializeToString())
    client = Client(NOWHERE, snapshot_path=tmp_path / "snapshot")
    yield client
    client.close(0.0)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")

    __repr__ = __str__


# Whole numbers are ids of visitors, and no names of campaigns.
NO_TEXTS = [7, 0, 1.5, b"v", [], ["v"], {}, object(), Unprintable(), np.array([1, 2])]


@pytest.mark.parametrize("visitor", NO_TEXTS[2:], ids=lambda each: type(each).__name__)
def test_visitor_that_is_no_text_gets_the_control(client: Any, visitor: Any) -> None:
    decided = client.assign("spain", visitor, {"country": "ES"}, expose=True)

    assert (decided.variant, decided.reason, decided.unit) == ("control", Reason.ERROR, "")
    others = client.assign_all(visitor, customer="c")
    assert {name: each.reason for name, each in others.items()} == {
        "spain": Reason.ERROR,
        "dear": Reason.ERROR,
        "loyal": Reason.ASSIGNED,
    }
    assert client.stats().waiting == 0


@pytest.mark.parametrize("campaign", NO_TEXTS, ids=lambda each: type(each).__name__)
def test_campaign_that_is_no_text_gets_the_default(client: Any, campaign: Any) -> None:
    decided = client.assign(campaign, "v", {}, default="off", expose=True)

    assert decided.variant == "off"
    assert decided.reason in (Reason.UNKNOWN_CAMPAIGN, Reason.ERROR)
    assert (decided.campaign, decided.unit) == ("", "v")


@pytest.mark.parametrize("attributes", [7, "ES", b"ES", [], [("country", "ES")], object()])
def test_attributes_that_are_no_mapping_get_the_control(client: Any, attributes: Any) -> None:
    decided = client.assign("spain", "v", attributes)

    assert (decided.variant, decided.reason) == ("control", Reason.ERROR)
    assert client.assign_all("v", attributes)["spain"].reason is Reason.ERROR


def test_no_attributes_are_attributes_of_which_nothing_is_known(client: Any) -> None:
    for shown in (client.assign("spain", "v"), client.assign("spain", "v", None)):
        assert shown.reason is Reason.NOT_IN_AUDIENCE
        assert shown.attributes == {}
    assert client.assign_all("v", None)["spain"].reason is Reason.NOT_IN_AUDIENCE


def test_client_can_be_replaced_and_extended_in_a_shops_own_tests(client: Any) -> None:
    class Mine(Client):
        def assign(self, *given: Any, **named: Any) -> Assignment:
            return super().assign(*given, **named)

    stand_in = mock.create_autospec(Client, instance=True)
    stand_in.assign("spain", "v", {"country": "ES"}, expose=True)
    with mock.patch.object(client, "assign", return_value="b"):
        assert client.assign("spain") == "b"
    with Mine(NOWHERE) as mine:
        assert mine.assign("spain", "v").reason is Reason.NOT_READY
    assert list(inspect.signature(Client.assign).parameters) == [
        *("self", "campaign", "visitor", "attributes", "customer", "default", "expose")
    ]


def test_default_that_is_no_text_is_the_control(client: Any) -> None:
    assert client.assign("unknown", "v", default=7).variant == "control"
    assert client.assign("unknown", 7, default=None).variant == "control"
    assert client.assign("unknown", "v", default="").variant == ""


def test_nothing_that_is_no_text_is_held_for_ever(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "fairlift")  # what is logged holds its error and its frames

    class Stranger:
        pass

    stranger = Stranger()
    first_seen: Any = {"c": stranger}
    other: Any = Client(NOWHERE, first_seen=first_seen)
    other._current.compiled = CompiledSnapshot(
        Snapshot("etag", None, (salted("spain", 'country == "ES"'),), unreadable={"odd": "why"}),
        first_seen=first_seen,
    )
    before = sys.getrefcount(stranger)
    for _ in range(100):
        client.assign("spain", stranger, {"country": stranger})
        client.assign("loyal", "v", {"vip": False}, customer=stranger)
        client.assign(stranger, stranger, stranger, customer=stranger, default=stranger)
        client.assign_all(stranger, stranger, customer=stranger)
        client.expose(stranger)
        other.assign("spain", "v", customer="c")
        other.assign("odd", stranger)
    other.close(0.0)
    gc.collect()

    assert sys.getrefcount(stranger) - before < 10


def test_what_only_behaves_like_a_text_is_none(client: Any) -> None:
    class Odd(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return False

        # This is how Python makes a class unhashable.
        __hash__ = None  # type: ignore[assignment]

        def __format__(self, form: str) -> str:
            raise RuntimeError("no text")

    for proxy in (UserString("v"), SimpleLazyObject(lambda: "v")):
        assert client.assign("spain", proxy, {"country": "ES"}).reason is Reason.ERROR
    plain = client.assign("spain", "v1", {"country": "ES"}, expose=True)
    for _ in range(2):
        odd = client.assign("spain", Odd("v1"), {"country": "ES"}, expose=True)
        assert (odd.variant, type(odd.unit)) == (plain.variant, str)
    assert client.assign(Odd("spain"), "v", {"country": "ES"}).campaign == "spain"
    assert client.stats().waiting == 1


@pytest.mark.parametrize("expose", [np.array([1, 2]), Unprintable()])
def test_exposing_that_is_neither_true_nor_false_is_an_error(client: Any, expose: Any) -> None:
    shown = client.assign("spain", "v", {"country": "ES"}, expose=expose)

    assert (shown.variant, shown.reason) == ("control", Reason.ERROR)
    assert {each.reason for each in client.assign_all("v", expose=expose).values()} == {
        Reason.ERROR
    }


def test_frozen_clock_is_seen(client: Any) -> None:
    with mock.patch("time.time", return_value=86_400.0):
        shown = client.assign("spain", "v", {"country": "ES"})

    assert shown.time == 86_400.0


def test_no_visitor_is_no_unit(client: Any) -> None:
    for nobody in (None, ""):
        decided = client.assign("spain", nobody, {"country": "ES"}, customer=None)
        assert (decided.variant, decided.reason) == ("a", Reason.NO_UNIT)
    assert client.assign_all(None)["spain"].reason is Reason.NO_UNIT


def test_every_answer_says_how_old_the_snapshot_is(client: Any) -> None:
    answers = [
        client.assign("spain", "v"),
        client.assign("unknown", "v"),
        client.assign("spain", 7),
    ]

    assert all(0 <= each.snapshot_age_s < 60 for each in answers)


def test_exposure_whose_attributes_answer_no_more_breaks_nothing(client: Any) -> None:
    class Gone(UserDict):  # type: ignore[type-arg]  # as a request that was closed
        def __iter__(self) -> Any:
            raise RuntimeError("closed")

    shown = client.assign("spain", "v", Gone({"country": "ES"}), expose=True)

    assert shown.reason is Reason.ASSIGNED
    assert client.stats().waiting == 0
    assert client.stats().errors == 1


def test_attributes_are_recorded_as_they_were(client: Any) -> None:
    seen: dict[str, object] = {"country": "ES", "device": "phone"}
    client.assign("spain", "v", seen, expose=True)
    seen["device"] = "desktop"

    assert client._exposures.take().attributes == {"country": "ES", "device": "phone"}


def test_customer_that_is_no_text_matters_only_where_customers_are_assigned(client: Any) -> None:
    assert client.assign("spain", "v", {"country": "ES"}, customer=7.5).reason is Reason.ASSIGNED
    assert client.assign("loyal", "v", {"vip": False}, customer=7.5).reason is Reason.ERROR
    assert client.assign("loyal", 7.5, {"vip": False}, customer="c").reason is Reason.ASSIGNED


def test_what_is_exposed_may_be_nonsense(client: Any) -> None:
    shown = client.assign("spain", "v", {"country": "ES"})

    assert not client.expose(None)
    assert not client.expose("spain")
    assert not client.expose(shown, time="yesterday")
    assert client.expose(shown)
    assert not client.expose(shown)
    assert client.stats().waiting == 1


@pytest.mark.parametrize(
    "attributes",
    [
        MappingProxyType({"country": "ES"}),
        UserDict({"country": "ES"}),
        ChainMap({}, {"country": "ES"}),
        MultiValueDict({"country": ["RO", "ES"]}),
    ],
)
def test_any_mapping_is_asked_as_it_answers(client: Any, attributes: Any) -> None:
    assert client.assign("spain", "v", attributes).reason is Reason.ASSIGNED
    assert client.assign("dear", "v", attributes).reason is Reason.NOT_IN_AUDIENCE


@pytest.mark.parametrize(
    ("cart", "is_in"),
    [
        (np.float64(30), True),
        (np.int64(31), False),
        (np.float32(29.5), False),
        (Decimal("30.00"), True),
        (Decimal("31"), False),
        (Decimal("NaN"), False),
        (Decimal("sNaN"), False),
        (float("nan"), False),
        (float("inf"), True),
        (10**400, True),
        (-(10**400), False),
        (True, False),
        (np.bool_(True), False),
        ("40", False),
        ([40], False),
        (1j, False),
        (object(), False),
    ],
)
def test_any_number_is_compared_as_a_number(client: Any, cart: Any, is_in: bool) -> None:
    decided = client.assign("dear", "v", {"cart": cart})

    assert decided.reason is (Reason.ASSIGNED if is_in else Reason.NOT_IN_AUDIENCE)


class Raising:
    """Raises whatever it is asked."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("ask me nothing")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __hash__ = __contains__ = (
        _raise
    )


STRANGE = [
    np.array([1, 2]),
    [np.array([1, 2])],
    Raising(),
    [Raising()],
    1j,
    object(),
]


@pytest.mark.parametrize("value", STRANGE, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    "audience",
    [
        *("x == 30", 'x == "ES"', "x == 2026-01-01", "x", "x < 30", "x > 30", "x <= 2026-01-01"),
        *("x between 1 and 3", "x in [1, 2]", 'x in ["ES"]', "x in [2026-01-01]"),
        *('x starts_with "a"', 'x ends_with "a"', 'x contains "a"', 'version(x) >= "1.0"'),
    ],
)
def test_strange_value_is_a_missing_value(audience: str, value: object) -> None:
    assert not matcher(parse(audience)).matches({"x": value})
    assert matcher(parse(f"not ({audience})")).matches({"x": value})
    assert not matcher(parse("exists(x)")).matches({"x": value})
    assert not matcher(parse("x != 30")).matches({"x": value})


def test_texts_of_another_class_are_texts(client: Any) -> None:
    class Text(str):
        __slots__ = ()

    plain = client.assign("spain", "visitor", {"country": "ES"})
    other = client.assign(Text("spain"), Text("visitor"), {"country": Text("ES")})

    assert (other.variant, other.reason) == (plain.variant, Reason.ASSIGNED)
    assert client.assign("spain", np.str_("visitor"), {"country": "ES"}).variant == plain.variant


def test_answer_can_be_kept_and_copied(client: Any) -> None:
    shown = treated(client)

    for again in (copy.copy(shown), copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert isinstance(again, Assignment)
        assert again == shown
        assert again.payload == {"percent": 10, "tags": ["x"]}
        assert again.value("percent", 0) == 10
        assert repr(again) == repr(shown)


def test_payload_gives_the_default_for_nonsense(client: Any) -> None:
    shown: Any = treated(client)

    assert shown.value("missing", None) is None
    assert shown.value(None, 5) == 5
    assert shown.value("missing", [1]) == [1]
    strangers: list[Any] = [None, [], {}, (), "none", Decimal(1)]
    for default in strangers:
        assert shown.value("percent", default) == default
    shown.value("tags", []).append("y")
    assert shown.value("tags", []) == ["x"]


def treated(client: Any) -> Assignment:
    decided = [client.assign("spain", f"v{i}", {"country": "ES"}) for i in range(100)]
    found: Assignment = next(each for each in decided if each.variant == "b")
    return found
