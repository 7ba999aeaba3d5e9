"""The columnar copy of a ledger: always that of the ledger as it is, or dropped."""

import os
import random
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from fairlift_server.analysis import ledger_copy
from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.copy_lock import locked_copy
from fairlift_server.analysis.copy_manifest import read_copy_manifest
from fairlift_server.analysis.job_control import JobControl, JobStopped
from fairlift_server.analysis.ledger_query import LiveQuestion

from tests.databases import rows, sqlite_only
from tests.ledger_oracle.events import (
    DAY,
    HOUR,
    Action,
    Content,
    Correction,
    Exposure,
    Line,
    Link,
    Order,
)
from tests.ledger_oracle.histories import CENT, START, histories, together
from tests.server.results.ledger_copy.conftest import Shop

pytestmark = sqlite_only


def test_only_what_is_new_is_added(shop: Shop) -> None:
    first = shop.read()
    before = shop.files()

    again = shop.read()
    shop.send(20)
    more = shop.read()

    assert len(before) == 1
    assert again.state == first.state
    assert before < shop.files()
    assert first.state is not None
    assert more.state == replace(first.state, generation=2)


def test_the_answer_says_that_new_events_were_folded_in(shop: Shop) -> None:
    first = shop.read()
    shop.send(3)

    second = shop.read(first)
    third = shop.read(second)

    assert first.origin is Origin.READ
    assert {second.origin, third.origin} <= {Origin.FOLDED_IN}
    assert (second.folds, third.folds) == (1, 2)


def test_an_order_that_is_sent_again_is_restated(shop: Shop) -> None:
    answer = shop.read()
    [(row, order_id)] = rows(
        shop.database, "SELECT id, order_id FROM orders ORDER BY id DESC LIMIT 1"
    )
    rows(
        shop.database,
        "UPDATE orders SET event_id = ?, time_us = time_us - 3600000000 WHERE id = ?",
        (b"2" * 16, row),
    )
    rows(shop.database, "INSERT INTO order_changes (order_id) VALUES (?)", (order_id,))

    again = shop.read(answer)

    assert answer.state is not None
    assert again.state == replace(answer.state, generation=2)


def test_an_order_that_goes_to_another_person_leaves_the_first_one(shop: Shop) -> None:
    campaign, rng = shop.history.campaign, random.Random(1)
    first, second, *_ = campaign.variants
    moment = START + DAY
    content = Content("a", "EUR", (Line(1, 5_000 * CENT),))
    ids = (rng.randbytes(16).hex() for _ in range(4))

    def met(unit: str, variant: str) -> Exposure:
        return Exposure(
            id=next(ids),
            at=moment,
            campaign=campaign.id,
            epoch=campaign.epoch,
            variant=variant,
            unit=unit,
        )

    order = Order(id=next(ids), at=moment + HOUR, order="order-a", content=content)
    correction = Correction(
        id=next(ids), at=moment + DAY, order="order-a", content=replace(content, unit="b")
    )
    shop.history = replace(
        shop.history, events=(met("a", first), met("b", second), order, correction)
    )
    shop.sent = 0
    shop.send(3)
    answer = shop.read()
    shop.send(1)

    assert shop.read(answer).origin is Origin.FOLDED_IN


def test_new_costs_are_read_with_everything_else(shop: Shop) -> None:
    answer = shop.read()
    statement = (
        "INSERT INTO costs (event_id, time_us, received_us, campaign, channel, currency_code, "
        "amount_micros, shop_amount_micros) VALUES (?, ?, 0, ?, 'mail', 'EUR', 7, 7)"
    )
    rows(shop.database, statement, (b"1" * 16, 0, shop.history.campaign.id))

    second = shop.read(answer)
    shop.send(3)
    third = shop.read(second)

    assert second.origin is Origin.READ
    assert third.origin is Origin.FOLDED_IN


def test_a_channel_that_cost_nothing_stays(shop: Shop) -> None:
    campaign = shop.history.campaign.id
    moment = START + DAY
    rows(
        shop.database,
        "INSERT INTO costs (event_id, time_us, received_us, campaign, channel, currency_code, "
        "amount_micros, shop_amount_micros) VALUES (?, ?, 0, ?, 'mail', 'EUR', 0, 0)",
        (b"3" * 16, moment, campaign),
    )
    live = LiveQuestion(moment + DAY, None)
    shop.query = replace(shop.query, live=live)
    answer = shop.read()
    shop.send(3)

    assert [each.channel for each in answer.facts.channels]
    assert shop.read(answer).origin is Origin.FOLDED_IN


def test_a_shop_of_one_currency_has_new_events_folded_in(empty: str, tmp_path: Path) -> None:
    whole = together(histories(7)[:4])
    kinds = (Exposure, Action, Link)
    history = replace(whole, events=tuple(e for e in whole.events if isinstance(e, kinds)))
    shop = Shop(empty, tmp_path, history)
    answer = shop.read()
    shop.send(3)

    assert shop.read(answer).origin is Origin.FOLDED_IN


def test_many_small_files_become_few(shop: Shop) -> None:
    answer = shop.read()
    for _ in range(16):
        shop.send(2)
        answer = shop.read(answer)
        assert len(shop.files()) <= 12
    assert answer.state is not None
    assert answer.state.generation == 17


def test_an_answer_of_a_later_generation_than_the_copy_is_of_no_use(
    shop: Shop, tmp_path: Path
) -> None:
    shop.read()
    earlier = shutil.copytree(shop.folder, tmp_path / "earlier")
    for _ in range(3):
        shop.send(2)
        answer = shop.read()
    shutil.rmtree(shop.folder)
    shutil.copytree(earlier, shop.folder)
    shop.send(2)

    again = shop.read(answer)

    assert again.origin is Origin.READ
    assert again.state is not None
    assert answer.state is not None
    assert again.state.copy == answer.state.copy
    assert again.state.generation < answer.state.generation


def test_without_room_to_merge_files_the_copy_is_read_as_it_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shop.read()
    usage = shutil.disk_usage(shop.folder)
    # Enough for what is new, and for nothing beside it.
    barely = usage._replace(free=ledger_copy._LEAST_FREE_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: barely)

    for _ in range(13):
        shop.send(2)
        answer = shop.read(answer)

    assert answer.state is not None
    assert len(shop.files()) > 12
    monkeypatch.undo()
    shop.send(2)
    shop.read(answer)
    assert len(shop.files()) <= 12


def test_costs_that_a_later_rate_restated_are_copied_once_in_the_end(shop: Shop) -> None:
    cost = (
        "INSERT INTO costs (event_id, time_us, received_us, campaign, channel, currency_code, "
        "amount_micros, shop_amount_micros) VALUES (?, ?, 0, ?, 'mail', 'USD', 7, 7)"
    )
    rate = (
        "INSERT INTO exchange_rates (event_id, time_us, received_us, currency_code, "
        "shop_picos_per_unit) VALUES (?, ?, 0, 'USD', 1)"
    )
    rows(shop.database, cost, (b"1" * 16, START, shop.history.campaign.id))
    answer = shop.read()
    for number in range(14):
        rows(shop.database, rate, (bytes([number]) * 16, START - 1 - number))
        answer = shop.read(answer)

    copied_costs = 0
    for path in shop.folder.glob("*.duckdb"):
        with duckdb.connect(str(path), read_only=True) as connection:
            copied_costs += len(connection.execute("FROM costs").fetchall())
    # Of the first file, and of those since the others became one: not of all fifteen.
    assert copied_costs <= 4


def test_a_generation_is_on_disk_before_an_answer_names_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def note(descriptor: int) -> None:
        manifest = read_copy_manifest(shop.folder, 0)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and manifest is not None:
            synced.append(manifest.generation)

    monkeypatch.setattr(os, "fsync", note)
    answer = shop.read()
    shop.send(2)
    answer = shop.read(answer)

    assert answer.state is not None
    # After a power cut another one would have the same number, and other rows.
    assert synced[-1] == answer.state.generation == 2


def test_all_is_done_only_once_the_last_event_is_read(shop: Shop) -> None:
    first = shop.read()
    shop.send(3)
    shares: list[float] = []
    queries = [shop.query, replace(shop.query, campaign="another")]

    found = answers_from_copy(shop.source, queries, [first, None], JobControl(shares.append))

    assert [answer.origin for answer in found] == [Origin.FOLDED_IN, Origin.READ]
    assert shares[-1] == 1.0
    assert shares == sorted(set(shares))


def test_whoever_leaves_does_not_wait_for_another_process(shop: Shop) -> None:
    shop.folder.mkdir(parents=True)
    asked = iter([False, False])
    control = JobControl(is_stopped=lambda: next(asked, True))

    with (
        locked_copy(shop.folder, JobControl()),
        pytest.raises(JobStopped),
        locked_copy(shop.folder, control),
    ):
        pytest.fail("another process works on it")


def test_nobody_else_may_read_the_files(shop: Shop) -> None:
    shop.read()

    assert stat.S_IMODE(shop.folder.stat().st_mode) == 0o700
    for path in [*shop.folder.iterdir(), *shop.folder.parent.glob("*.lock")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_small_ledger_has_no_copy(shop: Shop) -> None:
    shop.source = replace(shop.source, least_copied_rows=1_000_000)

    assert shop.read().state is None
    assert shop.files() == set()
