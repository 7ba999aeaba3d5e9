"""`--prune` takes no campaign for removed whose file it did not read."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift_cli.__main__ import main
from fairlift_cli.failures import CommandRefused
from fairlift_cli.pruning import check_folders_are_whole

CAMPAIGN = "campaign: {}\nvariants: [{{id: a}}, {{id: b}}]\n"


def test_a_linked_folder_is_refused_before_the_server_is_asked(tmp_path: Path) -> None:
    campaigns, elsewhere = tmp_path / "campaigns", tmp_path / "elsewhere"
    campaigns.mkdir()
    elsewhere.mkdir()
    (campaigns / "one.yaml").write_text(CAMPAIGN.format("one"))
    (elsewhere / "two.yaml").write_text(CAMPAIGN.format("two"))
    (campaigns / "linked").symlink_to(elsewhere)

    words = ["apply", "--prune", "--yes", "--server", "127.0.0.1:1", str(campaigns)]
    run = CliRunner().invoke(main, words)

    assert run.exit_code == 1
    assert f"{campaigns / 'linked'}, which is not read" in run.stderr
    assert "Nothing was applied" in run.stderr


def test_a_folder_that_cannot_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may open every folder, so the system's answer is planted.
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(CommandRefused, match="closed, which is not read"):
        check_folders_are_whole([tmp_path])


def test_folders_that_are_read_whole_may_be_pruned(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "one.yaml").write_text(CAMPAIGN.format("one"))

    check_folders_are_whole([tmp_path, tmp_path / "inner" / "one.yaml"])
