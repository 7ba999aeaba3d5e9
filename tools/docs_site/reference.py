"""Reference pages from docstrings: every public name of a package."""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from textwrap import dedent, indent

__all__ = ["reference_page"]

SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Yields")
TITLES = {"fairlift": "SDK reference", "fairlift_stats": "Statistics reference"}
# An annotation's module says nothing to a reader of signatures.
MODULE = re.compile(r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z_])")


def reference_page(package: str) -> str:
    """The names that a package exports, each with its signature and docstring."""
    module = import_module(package)
    parts = [f"# {TITLES[package]}", f"Everything that `import {package}` offers.", ""]
    for name in sorted(module.__all__, key=str.lower):
        parts += [f"## {name}", *_described(name, getattr(module, name)), ""]
    return "\n".join(parts) + "\n"


def _described(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value):
        if not issubclass(value, (Enum, Exception)):
            yield from _signature(name, value)
        yield from _docstring(inspect.getdoc(value) or "")
        if issubclass(value, Enum):
            yield "\n".join(f"- `{member.name}`: `{member.value!r}`" for member in value)
        yield from _members(value)
    elif callable(value):
        yield from _signature(name, value)
        yield from _docstring(inspect.getdoc(value) or "")
    else:
        shown = repr(value)
        yield f"`{name} = {shown}`" if len(shown) < 200 else f"A type: `{name}`."


def _members(owner: type) -> Iterator[str]:
    for name, member in vars(owner).items():
        if name.startswith("_"):
            continue
        plain = getattr(member, "__func__", member)
        if isinstance(member, property) and member.__doc__:
            yield f"\n**`{name}`** "
            yield from _docstring(inspect.cleandoc(member.__doc__))
        elif inspect.isfunction(plain) and plain.__doc__:
            yield f"\n### {owner.__name__}.{name}"
            yield from _signature(f"{owner.__name__}.{name}", getattr(owner, name))
            yield from _docstring(inspect.getdoc(plain) or "")


def _signature(name: str, value: object) -> Iterator[str]:
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return
    if inspect.isclass(value):
        signature = signature.replace(return_annotation=signature.empty)
    short = name.split(".")[-1]
    shown = _plain(f"{short}{signature}")
    if len(shown) > 88:
        inside = "".join(f"    {_plain(str(each))},\n" for each in _with_marks(signature))
        shown = f"{short}(\n{inside}{shown[shown.rindex(')') :]}"
    yield f"\n```python\n{shown}\n```\n"


def _plain(signature: str) -> str:
    """Without the modules of types, and without quotes around annotations."""
    return MODULE.sub("", re.sub(r"(: |-> )'([^']*)'", r"\1\2", signature))


def _with_marks(signature: inspect.Signature) -> Iterator[object]:
    is_marked = False
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not is_marked:
            yield "*"
        is_marked = is_marked or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        yield each


def _docstring(text: str) -> Iterator[str]:
    """Markdown of a docstring: sections as lists, examples as code."""
    for block in re.split(r"\n\s*\n", text):
        first, _, rest = block.partition("\n")
        if first.rstrip(":") in SECTIONS and first.endswith(":"):
            yield f"\n**{first.rstrip(':')}**\n\n" + _entries(dedent(rest))
        elif block.lstrip().startswith(">>>"):
            yield f"\n```pycon\n{dedent(block)}\n```\n"
        else:
            yield f"\n{block}\n"


def _entries(text: str) -> str:
    """`name: meaning` as list items; a line that is indented continues its item."""
    items: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and items:
            items[-1] += f" {line.strip()}"
        else:
            name, colon, meaning = line.partition(": ")
            items.append(f"`{name}`: {meaning}" if colon else line)
    return indent("\n".join(items), "- ") + "\n"
