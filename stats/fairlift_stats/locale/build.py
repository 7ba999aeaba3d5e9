"""The catalogues that people write become the ones that programs read."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from fairlift_stats.locale import LANGUAGES

HERE = Path(__file__).parent
# Babel would write the present minute, and every build would change the files of every language.
_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)


def compiled(language: str) -> bytes:
    """The `.mo` bytes of one language's `.po` file."""
    with (HERE / language / "LC_MESSAGES" / "fairlift.po").open("rb") as opened:
        catalogue = read_po(opened, locale=language, abort_invalid=True)
    catalogue.creation_date = _CREATED
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def build() -> None:
    """Write every language's `.mo` beside its `.po`."""
    for language in LANGUAGES:
        (HERE / language / "LC_MESSAGES" / "fairlift.mo").write_bytes(compiled(language))
