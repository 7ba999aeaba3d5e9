"""The columnar copy of a ledger: always that of the ledger as it is, or dropped."""

import multiprocessing
import os
import random
import shutil
import signal
import stat
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from fairlift_server.analysis import ledger_copy
from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.copy_lock import locked_copy
from fairlift_server.analysis.copy_manifest import read_copy_manifest
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.job_control import JobControl, JobStopped
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery, LiveQuestion
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.results.answer_files import forget_before, remove_copy
from fairlift_server.store.database import Store
from fairlift_server.store.erasure import Request, erase
from fairlift_server.store.history import Author
from fairlift_server.store.ledger_mark import ledger_mark

from tests.databases import copied, rows, sqlite_only
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
from tests.ledger_oracle.histories import CENT, START, History, histories, together
from tests.ledger_oracle.product import Arrival, empty_store, feed, query_of
from tests.ledger_oracle.test_folded_in import assert_same

pytestmark = sqlite_only


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


class Shop:
    """A ledger with a part of a history, and its copy."""

    def __init__(self, empty: str, folder: Path, history: History | None = None) -> None:
        self.history = history or together(histories(7)[:4])
        self.database = copied(empty, folder / "shop.db")
        self.source = LedgerSource(
            self.database, folder=str(folder / "analysis"), least_copied_rows=1
        )
        self.folder = folder / "analysis" / "copy"
        # As of now: of past days nothing is folded in.
        self.query = replace(query_of(self.history), as_of_day=None)
        self.sent = 0
        self.send(len(self.history.events) // 2)

    def send(self, number: int) -> None:
        """Stores so many events more."""
        part = self.history.events[self.sent : self.sent + number]
        self.sent += number
        feed(replace(self.history, events=part), self.database, Arrival())

    def read(self, known: LedgerAnswer | None = None) -> LedgerAnswer:
        """The answer by the copy, which is that of the database."""
        [answer] = answers_from_copy(self.source, [self.query], [known])
        [read] = answers(self.database, [self.query])
        assert_same(answer, read)
        return answer

    def files(self) -> set[str]:
        """Of rows, in the copy."""
        return {path.name for path in self.folder.glob("*.duckdb")}


@pytest.fixture
def shop(empty: str, tmp_path: Path) -> Shop:
    return Shop(empty, tmp_path)


def erase_unit(shop: Shop, unit: str) -> None:
    store = Store(shop.database)
    request = Request(0, Author(), "")
    store.write_now(lambda t: erase(t, [unit], UnitIds(None, salt=b"salt"), None, request))
    store.close()


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


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_erased_person_leaves_no_byte(shop: Shop) -> None:
    unit = rows(shop.database, "SELECT unit FROM exposures LIMIT 1")[0][0]
    store = Store(shop.database)
    removals = store.read_now(ledger_mark).removals
    store.close()
    answer = shop.read()
    assert unit.encode() in bytes_of(shop.folder.parent)
    erase_unit(shop, unit)

    forget_before(shop.folder.parent / "answers", removals + 1)

    assert unit.encode() not in bytes_of(shop.folder.parent)
    assert shop.files() == set()
    assert shop.read(answer).origin is Origin.READ
    assert unit.encode() not in bytes_of(shop.folder.parent)


def test_a_reading_after_an_erasure_drops_the_copy_by_itself(shop: Shop) -> None:
    unit = rows(shop.database, "SELECT unit FROM exposures LIMIT 1")[0][0]
    answer = shop.read()
    erase_unit(shop, unit)

    assert shop.read(answer).origin is Origin.READ
    assert unit.encode() not in bytes_of(shop.folder.parent)


def test_the_copy_can_be_removed_at_any_time(shop: Shop) -> None:
    answer = shop.read()

    remove_copy(str(shop.folder.parent))

    assert [*shop.folder.iterdir()] == []
    assert shop.read(answer).state != answer.state


def test_after_an_older_back_up_nothing_of_the_copy_is_used(shop: Shop, tmp_path: Path) -> None:
    backup = Path(copied(shop.database, tmp_path / "backup.db"))
    kept = shop.sent
    shop.send(30)
    answer = shop.read()

    copied(str(backup), Path(shop.database))
    older = shop.read(answer)
    shop.sent = kept
    shop.history = replace(shop.history, events=shop.history.events[::-1])
    shop.sent = 0
    shop.send(40)
    newer = shop.read(older)

    assert older.origin is Origin.READ
    assert older.state is not None
    assert answer.state is not None
    assert older.state.copy != answer.state.copy
    assert newer.state is not None


def test_a_back_up_that_grew_as_far_as_the_copy_is_told_from_it(shop: Shop, tmp_path: Path) -> None:
    backup = copied(shop.database, tmp_path / "backup.db")
    shop.send(30)
    answer = shop.read()
    copied(backup, Path(shop.database))
    shop.send(60)  # other events, with the same row ids

    assert shop.read(answer).state != answer.state


@pytest.mark.parametrize("harm", ["cut", "emptied", "overwritten", "gone", "manifest", "other"])
def test_a_damaged_copy_is_made_anew(
    shop: Shop, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shop.read()
    [path] = shop.folder.glob("*.duckdb")
    content = path.read_bytes()
    match harm:
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "emptied":
            path.write_bytes(b"")
        case "overwritten":
            path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
        case "gone":
            path.unlink()
        case "manifest":
            [manifest] = shop.folder.glob("*-manifest.json")
            manifest.write_text(manifest.read_text().replace("1", "2"))
        case "other":
            monkeypatch.setattr(ledger_copy, "_WRITTEN_BY", "another release")

    shop.send(3)
    shop.read(answer)  # which is right, by the database if need be
    again = shop.read()

    assert again.state is not None
    assert answer.state is not None
    assert again.state.copy != answer.state.copy


def test_a_full_disk_costs_no_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = shop.read()
    shop.send(5)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger_copy, "write_copy_manifest", full)
    assert shop.read(answer).state is None
    assert "No space left on device" in str(caplog.records[-1].__dict__["fields"])
    monkeypatch.undo()
    monkeypatch.setattr(ledger_copy, "_LEAST_FREE_BYTES", 2**60)
    assert shop.read(answer).state is None  # what is left is for events
    monkeypatch.undo()
    assert shop.read(answer).origin is Origin.FOLDED_IN


def test_a_disk_that_fills_up_meanwhile_costs_no_copy(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shop.read()
    shop.send(5)

    def written(_schema: str) -> list[str]:
        return [f"COPY (SELECT 1) TO '{shop.folder / 'no-such-folder' / 'file'}'"]

    with monkeypatch.context() as patch:
        patch.setattr(ledger_copy, "created", written)
        without_copy = shop.read(answer)

    assert (without_copy.origin, without_copy.state) == (Origin.READ, None)
    assert not [*shop.folder.glob("*.partial*")]
    again = shop.read(answer)
    assert again.origin is Origin.FOLDED_IN
    assert again.state is not None
    assert answer.state is not None
    assert again.state.copy == answer.state.copy


def _write_until_killed(source: LedgerSource, query: LedgerQuery) -> None:
    answers_from_copy(source, [query])


@pytest.mark.parametrize("seed", range(2))
def test_whoever_is_killed_while_writing_leaves_nothing_wrong(shop: Shop, seed: int) -> None:
    rng, answer = random.Random(seed), shop.read()
    context = multiprocessing.get_context("spawn")
    for _ in range(3):
        shop.send(8)
        process = context.Process(target=_write_until_killed, args=(shop.source, shop.query))
        process.start()
        # While it starts, writes, or reads what it wrote.
        until = time.monotonic() + 20
        while not (partial := [*shop.folder.glob("*.partial*")]) and time.monotonic() < until:
            if not process.is_alive():
                break
        if partial:
            time.sleep(rng.random() * 0.05)
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()

        answer = shop.read(answer)

    assert not [*shop.folder.glob("*.partial*")]
    assert len(shop.files()) <= 4


def _read_often(source: LedgerSource, query: LedgerQuery) -> list[LedgerAnswer]:
    return [answers_from_copy(source, [query])[0] for _ in range(3)]


def test_several_processes_share_one_copy(shop: Shop) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [pool.submit(_read_often, shop.source, shop.query) for _ in range(2)]
        read = [answer for each in found for answer in each.result()]

    [expected] = answers(shop.database, [shop.query])
    for answer in read:
        assert_same(answer, expected)
    assert len({answer.state for answer in read}) == 1
    assert len(shop.files()) == 1


def test_a_small_ledger_has_no_copy(shop: Shop) -> None:
    shop.source = replace(shop.source, least_copied_rows=1_000_000)

    assert shop.read().state is None
    assert shop.files() == set()
