"""The templates of pages: what they write is escaped, and hidden signs are made visible."""

import re
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fairlift_report.visible import visible

__all__ = ["environment", "template_environment"]

# An amount with its sign, such as "+€634": browsers would break the line behind the sign.
_SIGNED = re.compile(r"\(?[+\-\u2212][^\s\d&<>]{0,4}\d[\d.,\u00a0\u202f]*[^\s&<>]{0,6}")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja2 with autoescape for every template; a name that is not known is an error."""
    environment = template_environment("fairlift_report")
    environment.filters["svg"] = _svg
    environment.filters["whole"] = _whole
    return environment


def template_environment(package: str) -> Environment:
    """For the folder `templates` of a package: text is escaped, and hidden signs are seen."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """Text of a report with its hidden signs made visible; what is HTML already as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


def _svg(drawn: str, name: str) -> Markup:
    """A picture of ours with a class for the style; it holds no text that is not escaped."""
    return Markup(re.sub("^<svg", f'<svg class="{name}"', drawn))


def _whole(text: str) -> Markup:
    """The text, escaped, whose signed amounts stay on one line."""
    return Markup(_SIGNED.sub(r'<span class="whole">\g<0></span>', str(escape(visible(text)))))
