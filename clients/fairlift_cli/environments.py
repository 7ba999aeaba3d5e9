"""The key `environments` of the project file: a server for each, and where its token is kept."""

import re
from dataclasses import dataclass
from typing import Final

from fairlift_cli.findings import Finding
from fairlift_cli.server_address import is_server_address
from fairlift_cli.side_files import MappingReader
from fairlift_cli.yaml_tree import YamlValue
from fairlift_cli.yaml_values import WrongValue, required_scalar

KEYS: Final = ("server", "token", "ca")
# As FAIRLIFT_ENVIRONMENT of a server may be.
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
# A token in capitals may look like a name too: RANDOM recognises it.
VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
PATH: Final = re.compile(r"(\.{1,2}|~)?/.*")
_SECRET_RULE: Final = "FL707"
# A word of a token, as no name of a variable has one: many signs, and digits among them.
RANDOM: Final = re.compile(r"(?=[^_]*[0-9])[A-Z0-9]{20,}")


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, as the project file describes it.

    Attributes:
        server: HOST:PORT.
        token_place: where the token is: a variable's name, or a path from the folder of the project
            file; empty: neither.
        ca_path: of the certificate to trust, in the same way.
    """

    server: str
    token_place: str = ""
    ca_path: str = ""

    @property
    def has_token_file(self) -> bool:
        """Whether the token is in a file, not in a variable."""
        return PATH.fullmatch(self.token_place) is not None


def text_of(tree: YamlValue) -> str:
    """The text of a value.

    Raises:
        WrongValue: it is empty, a list or a mapping.
    """
    return required_scalar(tree, "a text").text


def server_of(tree: YamlValue) -> str:
    """The address of a server.

    Raises:
        WrongValue: it cannot be one.
    """
    address = text_of(tree)
    if not is_server_address(address):
        # What stands before an @ may be a password.
        shown = address.rpartition("@")[2]
        raise WrongValue(f"is {shown}, must be HOST:PORT, such as shop.example:443")
    return address


def read_environments(keys: MappingReader) -> dict[str, Environment]:
    """The environments by name; one with a mistake is left out, and its mistakes are added."""
    environments: dict[str, Environment] = {}
    listed = keys.mapping("environments")
    if listed is None:
        return environments
    for entry in listed.entries:
        before = len(keys.file.findings)
        if not NAME.fullmatch(entry.key):
            listed.mistake(
                entry.key,
                "must be up to 32 small letters, digits and hyphens, as FAIRLIFT_ENVIRONMENT of "
                "its server is",
            )
        if (values := listed.mapping(entry.key)) is None:
            continue
        values.check_keys(KEYS)
        if "server" not in values:
            values.mistake("server", "is missing; write the address, such as shop.example:443")
        server = values.take("server", server_of, "")
        environment = Environment(server, _token_place(values), values.take("ca", text_of, ""))
        if len(keys.file.findings) == before:
            environments[entry.key] = environment
    return environments


def _token_place(values: MappingReader) -> str:
    """Where the token is kept; whatever else stands there may be the token: it is not shown."""
    text = values.take("token", text_of, "")
    entry = values.entry("token")
    if entry is None or not text:
        return ""
    if PATH.fullmatch(text) or (VARIABLE.fullmatch(text) and not RANDOM.search(text)):
        return text
    place = entry.value.position
    message = (
        "must be the name of a variable, such as SHOP_TOKEN, or a file's path that begins with ./, "
        "../, ~/ or /; if this is the token itself, revoke it: whoever reads the file has it"
    )
    values.file.findings.append(
        Finding(
            values.file.name, place.line, place.column, values.path_of("token"), message,
            _SECRET_RULE,
        )
    )  # fmt: skip
    return ""
