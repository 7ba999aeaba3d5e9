"""Builds the site: pages, reference from docstrings, a gallery of reports; then checks it."""

import logging
import shutil
import sys
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

from tools.docs_site.gallery import write_gallery
from tools.docs_site.links import site_faults
from tools.docs_site.pages import write_pages
from tools.docs_site.reference import reference_page

ROOT = Path(__file__).parents[2]
REFERENCES = {"sdk-reference.md": "fairlift", "statistics-reference.md": "fairlift_stats"}


def main(folder: Path) -> int:
    """Write the pages beside the site, build it strictly, and print what is wrong with it."""
    pages, site = folder / "pages", folder / "site"
    shutil.rmtree(pages, ignore_errors=True)
    write_pages(ROOT, pages)
    for name, package in REFERENCES.items():
        (pages / name).write_text(reference_page(package), encoding="utf-8")
    write_gallery(pages)
    (pages / "style").mkdir()
    shutil.copy(Path(__file__).with_name("site.css"), pages / "style")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    config = load_config(
        str(ROOT / "mkdocs.yml"), docs_dir=str(pages), site_dir=str(site), strict=True
    )
    build(config)
    faults = site_faults(site)
    end = f"{len([*site.rglob('*.html')])} pages in {site}, {len(faults)} faults"
    sys.stdout.write("\n".join([*faults, end, ""]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
