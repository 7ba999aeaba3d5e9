"""The pages of docs/ and of the root, as MkDocs reads them: links lead to pages of the site."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_pages"]

SOURCE = "https://github.com/fairlift/fairlift/blob/main"
# Pages of the root, by their name in the site.
FROM_ROOT = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
}
LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")
# A list, a table or code that begins right below a sentence.
BLOCK = re.compile(r"(- |\* |\d+\. |\||```)")
ITEM = re.compile(r"\s*(- |\* |\d+\. )")


def write_pages(root: Path, folder: Path) -> None:
    """Copy every page and picture; a link to a file that is no page leads to the repository."""
    docs = root / "docs"
    places = {root / name: folder / page for name, page in FROM_ROOT.items()}
    for path in sorted(docs.rglob("*")):
        if path.is_file():
            places[path] = folder / path.relative_to(docs)
    for source, target in places.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = relocated(source.read_text(encoding="utf-8"), source, places, root)
            target.write_text(as_mkdocs_reads(text), encoding="utf-8")
        else:
            shutil.copy(source, target)


def relocated(text: str, source: Path, places: Mapping[Path, Path], root: Path) -> str:
    """The text with its links from where the page will stand."""

    def link(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(source.parent / match[1]))
        anchor = match[2] or ""
        if path in places:
            return f"]({os.path.relpath(places[path], places[source].parent)}{anchor})"
        return f"]({SOURCE}/{path.relative_to(root)}{anchor})" if path.exists() else match[0]

    return LINK.sub(link, text)


def as_mkdocs_reads(text: str) -> str:
    """The same as GitHub shows: an empty line before each block, and lists nested by four."""
    lines: list[str] = []
    is_code, before = False, ""
    for line in text.splitlines():
        starts = line.startswith("```")
        if not is_code:
            is_list_inside = ITEM.match(line) and ITEM.match(before)
            if before.strip() and BLOCK.match(line) and not is_list_inside:
                same_table = line.startswith("|") and before.startswith("|")
                inside_item = ITEM.match(line) is None and before.startswith(" ")
                if (
                    not same_table
                    and not inside_item
                    and not (ITEM.match(line) and before.startswith("  "))
                ):
                    lines.append("")
            line = re.sub(r"^((?:  )+)(?=- )", lambda m: m[1] * 2, line)
        lines.append(line)
        if starts:
            is_code = not is_code
        before = line
    marked = "\n".join(lines) + "\n"
    return marked.replace("```python\n>>>", "```pycon\n>>>")
