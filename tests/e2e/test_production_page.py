"""The commands of docs/production.md lead to a server with TLS, roles and PostgreSQL."""

from pathlib import Path

import pytest

from tests.e2e.production_page import Step, run_page, sections


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Step]:
    home: Path = tmp_path_factory.mktemp("home")
    return {step.title.partition(" ")[2]: step for step in run_page(home, user=None, wheel=None)}


def test_every_section_has_commands_that_ran(steps: dict[str, Step]) -> None:
    assert len(steps) == len(sections()) == 11


def test_the_server_has_a_certificate_roles_and_a_shared_database(steps: dict[str, Step]) -> None:
    assert "FAIRLIFT_DATABASE = postgresql://" in steps["Settings"].output
    tokens = steps["A token for each caller"].output
    for role in ("admin", "storefront", "editor", "reader"):
        assert f"{role}, environment production" in tokens
    # Tokens go to files, not to the screen.
    assert "fairlift_production_" not in "".join(step.output for step in steps.values())


def test_a_storefront_stores_events_and_others_do_what_their_role_may(
    steps: dict[str, Step],
) -> None:
    campaign = steps["A campaign, by its file"].output
    assert "exit-popup" in campaign
    assert "running" in campaign
    shown = steps["A storefront, and what it may not do"].output
    assert "2 events are stored" in shown
    assert "GetResults needs a token of the role reader, editor or admin" in shown.replace(
        "reader or editor or admin", "reader, editor or admin"
    )
    assert "StopCampaign needs a token of the role editor or admin" in shown
    assert "no Fairlift server answers" in shown  # without TLS
    assert "with a valid token" in shown  # without a token
