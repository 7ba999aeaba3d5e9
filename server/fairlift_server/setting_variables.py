"""Reads settings from environment variables; no other module reads its variables."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields

from fairlift.engine.errors import Invalid, InvalidRequest, Violation

from fairlift_server.setting_values import PREFIX, variable
from fairlift_server.settings import Settings

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
# What the command line, the SDK's build and the tests read.
_OF_OTHERS = frozenset(
    {
        *("CONFIG", "SERVER", "ENV", "CA", "LANGUAGE", "COMPILE"),
        *("TESTED", "TESTED_DATABASE", "TEST_POSTGRES"),
    }
)
# What other servers call a setting.
_OTHER_WORDS = {
    **dict.fromkeys(("ADDRESS", "ADDR", "BIND", "HOST", "PORT"), "LISTEN"),
    **dict.fromkeys(("DB", "FILE", "PATH", "DATA", "DATABASE_URL", "DSN"), "DATABASE"),
    **dict.fromkeys(("KEY", "SECRET", "PASSWORD", "API_KEY"), "TOKEN"),
    **dict.fromkeys(("CERT", "TLS_CERT", "CERTIFICATE"), "TLS_CERTIFICATE"),
    **dict.fromkeys(("DEBUG", "LOG", "LOGLEVEL"), "LOG_LEVEL"),
}
# Default values as `--help` prints them.
_DEFAULT_TEXT = {"''": "unset", "None": "unset", "True": "yes", "False": "no"}


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from variables such as FAIRLIFT_LISTEN.

    Raises:
        InvalidRequest: a value breaks a rule, or a variable looks like a misspelt setting.
    """
    settings_by_variable = {variable(setting): setting for setting in fields(Settings)}
    values: dict[str, object] = {}
    violations: list[Violation] = []
    for name, text in environment.items():
        if setting := settings_by_variable.get(name):
            try:
                values[setting.name] = _parsed(setting, text)
            except ValueError as error:
                violations.append(Violation(name, str(error)))
        elif suggestion := _close_match(name, settings_by_variable):
            violations.append(Violation(name, f"is not known; did you mean {suggestion}?"))
    try:
        settings = Settings(**values)  # type: ignore[arg-type]  # each value is parsed by its field's type
    except Invalid as error:
        named = {violation.field for violation in violations}
        violations += [other for other in error.violations if other.field not in named]
    if violations:
        raise InvalidRequest(violations)
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A line for each FAIRLIFT_ variable that no program of Fairlift reads.

    What Kubernetes sets for a service named fairlift is left alone.
    """
    names = {setting.name.upper() for setting in fields(Settings)}
    lines = []
    for name, text in sorted(environment.items()):
        word = name.removeprefix(PREFIX)
        if word == name or word in names | _OF_OTHERS or _is_of_kubernetes(word, text):
            continue
        if _is_token_of_an_environment(word, names):
            continue
        near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
        setting = _OTHER_WORDS.get(word) or next(iter(near), "")
        way_out = f"did you mean {PREFIX}{setting}?" if setting else "see fairlift-server --help"
        lines.append(f"{name} is not a setting and is ignored; {way_out}")
    return lines


def _is_token_of_an_environment(word: str, names: Iterable[str]) -> bool:
    """Whether `fairlift.yaml` may name it as the place of a token, such as PRODUCTION_TOKEN."""
    return word.endswith("_TOKEN") and not difflib.get_close_matches(word, names, n=1, cutoff=0.8)


def _is_of_kubernetes(word: str, text: str) -> bool:
    return re.fullmatch(r"SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+", word) is not None or (
        word == "PORT" and "://" in text
    )


def settings_help() -> str:
    """Every setting with its default and meaning, for `--help`."""
    lines = []
    for setting in fields(Settings):
        assert setting.default is not MISSING
        default = _DEFAULT_TEXT.get(repr(setting.default), setting.default)
        lines.append(f"  {variable(setting)} = {default}\n      {setting.metadata['help']}")
    return "\n".join(lines)


def _close_match(name: str, variables: Iterable[str]) -> str | None:
    """The setting that a variable probably misspells.

    Other FAIRLIFT_ variables may belong to other programs; `unknown_variables` warns of them.
    """
    if not name.startswith(PREFIX):
        return None
    names = [variable.removeprefix(PREFIX) for variable in variables]
    matches = difflib.get_close_matches(name.removeprefix(PREFIX), names, n=1, cutoff=0.8)
    return f"{PREFIX}{matches[0]}" if matches else None


def _parsed(setting: "Field[object]", text: str) -> object:
    kind = setting.type
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"is {text!r}, must be a number such as {setting.default}") from None
    if kind is str:
        return _token(text) if setting.name == "token" else text
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(f"is {text!r}, must be yes or no")
    return word in _YES


def _token(text: str) -> str:
    # A token from a mounted file ends in a new line.
    token = text.strip()
    if text and not token:
        raise ValueError("is blank, as from an empty file; set a token, or leave it out")
    return token
