"""One server for a file, whatever it is called."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.store.database import Store
from fairlift_server.store.file_locks import is_used

from tests.databases import sqlite_only

pytestmark = sqlite_only


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A database that a server uses."""
    store = Store(tmp_path / "shop.db")
    store.migrate()
    yield Path(store.source)
    store.close()


def test_a_symbolic_link_is_the_same_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)

    with pytest.raises(WrongState, match=rf"another server uses {path}; stop it"):
        Store(link)


def test_a_hard_link_is_the_same_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.hardlink_to(path)

    with pytest.raises(WrongState, match="another server uses"):
        Store(link)


def test_a_removed_lock_file_locks_on(path: Path) -> None:
    path.with_name("shop.db.lock").unlink()

    with pytest.raises(WrongState, match="another server uses"):
        Store(path)


def test_a_file_put_in_its_place_meanwhile_is_not_used(path: Path) -> None:
    path.rename(path.with_name("old.db"))
    path.with_name("shop.db.last-write").unlink()

    with pytest.raises(WrongState, match="another server uses"):
        Store(path)


def test_a_file_with_two_names_is_refused(tmp_path: Path) -> None:
    # Its log belongs to one of them: under the other the last writes are missing.
    store = Store(tmp_path / "shop.db")
    store.migrate()
    store.close()
    (tmp_path / "link.db").hardlink_to(tmp_path / "shop.db")

    with pytest.raises(WrongState, match=r"has 2 names \(hard links\)"):
        Store(tmp_path / "link.db")


def test_the_locks_end_with_the_server(tmp_path: Path) -> None:
    first = Store(tmp_path / "shop.db")
    with pytest.raises(WrongState, match="another server uses"):
        Store(tmp_path / "shop.db")

    first.close()

    assert not is_used(tmp_path / "shop.db")
    Store(tmp_path / "shop.db").close()
