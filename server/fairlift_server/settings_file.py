"""Settings from a TOML file; environment variables win over it."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

from fairlift.engine.errors import InvalidRequest, Violation

from fairlift_server.setting_values import variable
from fairlift_server.setting_variables import settings_from
from fairlift_server.settings import Settings

# Names the file; `fairlift-server --config` sets it, so that workers find the file too.
CONFIG: Final = "FAIRLIFT_CONFIG"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of the environment, and of the file that it names.

    Raises:
        InvalidRequest: lists every setting that breaks a rule, with its line in the file.
    """
    path = environment.get(CONFIG, "")
    if not path:
        return settings_from(environment)
    text = _text(Path(path))
    given = _variables(path, text)
    try:
        return settings_from({**given, **environment})
    except InvalidRequest as error:
        names = {variable(setting): setting.name for setting in fields(Settings)}
        raise InvalidRequest(
            [
                Violation(_place(path, text, names[each.field]), each.message)
                if each.field in given and each.field not in environment
                else each
                for each in error.violations
            ]
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest([Violation(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise InvalidRequest([Violation(str(path), "is not UTF-8; write it as UTF-8")]) from None


def _variables(path: str, text: str) -> dict[str, str]:
    """What the file gives, by environment variable."""
    import tomllib

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest([Violation(path, f"is not TOML: {error}")]) from None
    known = {setting.name: variable(setting) for setting in fields(Settings)}
    found: dict[str, str] = {}
    violations = []
    for name, value in content.items():
        place = _place(path, text, name)
        if name not in known:
            near = difflib.get_close_matches(name.lower(), known, n=1)
            way_out = f"did you mean {near[0]}?" if near else "see fairlift-server --help"
            violations.append(Violation(place, f"is not a setting; {way_out}"))
        elif isinstance(value, bool):
            found[known[name]] = "yes" if value else "no"
        elif isinstance(value, str | int | float):
            found[known[name]] = str(value)
        else:
            rule = "must be a text, a number, true or false"
            violations.append(Violation(place, f"is a {type(value).__name__}, {rule}"))
    if violations:
        raise InvalidRequest(violations)
    return found


def _place(path: str, text: str, name: str) -> str:
    """Where the file sets it, such as server.toml:3: listen."""
    pattern = re.compile(rf"""^\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    return f"{path}:{next(lines, 1)}: {name}"
