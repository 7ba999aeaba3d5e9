"""docs/campaign-tests.md is true: its tests pass on the example campaigns, and its keys exist."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift_cli.__main__ import main
from fairlift_cli.assignment_tests import case_reader, situations

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = (ROOT / "docs" / "campaign-tests.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(tests:.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["visitor", "visitors"])
def test_tests_of_the_page_hold_for_the_example_campaigns(block: str, tmp_path: Path) -> None:
    path = tmp_path / "page.test.yaml"
    path.write_text(block)

    run = CliRunner().invoke(main, ["test", str(path), str(ROOT / "examples" / "campaigns")])

    assert run.exit_code == 0, run.output


def test_every_key_is_documented() -> None:
    keys = {*case_reader._VISITOR, *case_reader._SHARES, *case_reader._PAIR}

    assert keys <= {*re.findall(r"`([a-z_]+)`", PAGE)}
    assert f"at most {situations.MAX_COMBINATIONS:,}" in PAGE
    assert f"at most {case_reader.MAX_VISITORS:,}" in PAGE
