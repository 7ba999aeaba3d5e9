"""The example of docs/sources.md is read, and means what the page says."""

import re
from pathlib import Path

from fairlift_server.sources.source_file import read_sources

PAGE = Path(__file__).parents[3] / "docs" / "sources.md"


def test_the_example_of_the_page_is_read_with_every_addition_of_the_page(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    file = tmp_path / "sources.yaml"
    file.write_text("".join(blocks))

    sources = read_sources(file)

    assert set(sources.tables) == {"exposures", "orders"}
    assert sources.tables["exposures"].columns["variant"].sql == "lower(arm)"
