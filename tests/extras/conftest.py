"""Environments that all processes of a test run share."""

import pytest

from tests.extras.environments import Environments


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Environments:
    folder = tmp_path_factory.getbasetemp()
    # Each process of pytest-xdist has a folder of its own inside a common one.
    shared = folder if worker_id == "master" else folder.parent
    (shared / "extras").mkdir(exist_ok=True)
    return Environments(shared / "extras")
