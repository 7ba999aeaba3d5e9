"""The files that `fairlift init` writes; a file that is there already stays as it is."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fairlift.engine.campaign import Campaign, is_identifier
from fairlift.wire.campaign import campaign_from, campaign_id

from fairlift_cli.campaign_files import NothingToRead
from fairlift_cli.check import check_documents, check_files, levelled
from fairlift_cli.editor_schema import SCHEMA_LINE
from fairlift_cli.failures import CommandRefused, Misused
from fairlift_cli.formats.as_text import as_text
from fairlift_cli.project import Project
from fairlift_cli.reader import Document, read_text
from fairlift_cli.rules import Level
from fairlift_cli.shared_definitions import read_shared

_EXAMPLES: Final = Path(__file__).with_name("campaign_examples")
_CI: Final = Path(__file__).with_name("ci_templates")
CI_FILES: Final = {
    "github": Path(".github", "workflows", "fairlift.yml"),
    "gitlab": Path(".gitlab-ci.yml"),
}
_CAMPAIGN_LINE = re.compile(r"^campaign: .*$", re.MULTILINE)
_DISPLAY_LINE = re.compile(r"^display_name: .*\n", re.MULTILINE)


def example_text(example: str, name: str = "") -> str:
    """The campaign file of a shop's usual case, under its own name or another one."""
    text = (_EXAMPLES / f"{example}.yaml").read_text(encoding="utf-8")
    if name:
        text = _CAMPAIGN_LINE.sub(f"campaign: {name}", text, count=1)
        text = _DISPLAY_LINE.sub("", text, count=1)
    return f"{SCHEMA_LINE}\n{text}"


def ci_text(kind: str, folder: str) -> str:
    """The CI file, which checks, tests and applies the campaigns of the folder."""
    text = (_CI / f"{kind}.yml").read_text(encoding="utf-8")
    # As JSON, which is YAML: a folder may have any name.
    plain = folder if re.fullmatch(r"[\w./-]+", folder, re.ASCII) else json.dumps(folder)
    return text.replace("FOLDER", plain).replace("VERSION", version("fairlift"))


def check_name(name: str, folder: Path) -> None:
    """Refuses a name that is no id, or that a campaign of the folder has.

    Raises:
        CommandRefused: it does.
    """
    if not is_identifier(name):
        rule = "must be 1 to 63 lower-case letters, digits and hyphens, a letter first"
        raise CommandRefused(f"the name is {name!r}, {rule}")
    for document in _documents_in(folder):
        if campaign_id(document.name) == name:
            line = document.positions["name"][0].line
            message = f"{document.path}:{line} has a campaign {name} already"
            raise CommandRefused(f"{message}; choose another name with --name")


def checked_campaign(text: str, path: Path, project: Project) -> Campaign:
    """The campaign of the text, which is not written yet.

    Raises:
        CommandRefused: it breaks a rule, such as one of the project; the message lists which.
    """
    read = read_text(text, str(path), read_shared([path.parent], project))
    now = datetime.now(UTC)
    found = [*read.findings, *check_documents(read.documents, now=now, project=project)]
    errors = [each for each in levelled(found, project) if each.level is Level.ERROR]
    if errors:
        raise CommandRefused(f"{as_text(errors)}\nNothing was written.")
    return campaign_from(read.documents[0].message)


def _documents_in(folder: Path) -> Sequence[Document]:
    try:
        return check_files([folder]).documents if folder.is_dir() else ()
    except NothingToRead:
        return ()


def write_new_files(files: Mapping[Path, str], *, keep: Iterable[Path]) -> list[Path]:
    """Writes the files, and returns those that were written.

    Args:
        files: their texts.
        keep: those that may be there already, and then stay as they are.

    Raises:
        CommandRefused: one of the others is there already; nothing was written.
    """
    may_stay = set(keep)
    for path in files:
        if path.exists() and path not in may_stay:
            message = f"{path} is there already; choose another name with --name"
            raise CommandRefused(f"{message}\nNothing was written.")
    written = []
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue  # one that may stay
        except OSError as error:
            raise Misused(f"{path}: {error.strerror}") from None
        written.append(path)
    return written
