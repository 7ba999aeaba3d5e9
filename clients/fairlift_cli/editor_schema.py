"""The JSON Schema of campaign files, as the package brings it; `make proto` writes it."""

from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("campaign.schema.json")

# Editors with a YAML language server read it from the first line of a file.
SCHEMA_NAME: Final = "campaign.schema.json"
SCHEMA_LINE: Final = f"# yaml-language-server: $schema={SCHEMA_NAME}"


def editor_schema() -> str:
    """The text of the schema."""
    return _FILE.read_text(encoding="utf-8")
