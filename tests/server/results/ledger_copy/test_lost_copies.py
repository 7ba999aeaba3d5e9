"""Erasures, old back-ups, damage, full disks and kills cost the copy, never an answer."""

import multiprocessing
import os
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fairlift_server.analysis import ledger_copy
from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.results.answer_files import forget_before, remove_copy
from fairlift_server.store.database import Store
from fairlift_server.store.ledger_mark import ledger_mark

from tests.databases import copied, rows, sqlite_only
from tests.ledger_oracle.test_folded_in import assert_same
from tests.server.results.ledger_copy.conftest import Shop, erase_unit

pytestmark = sqlite_only


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
