"""Where commands print, and how they print messages as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from fairlift_cli.screen import Screen


def new_screen() -> "Screen":
    """The terminal, imported when something is printed."""
    from fairlift_cli.screen import Screen

    return Screen()


def print_json(messages: "Message | Sequence[Message]") -> None:
    """Prints a message as an object, or several as a list."""
    import json

    from google.protobuf.json_format import MessageToDict

    def as_dict(message: "Message") -> dict[str, Any]:
        # Zeros too: a program should not have to know what an absent field means.
        return MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )

    content = (
        [as_dict(message) for message in messages]
        if isinstance(messages, Sequence)
        else as_dict(messages)
    )
    click.echo(json.dumps(content, indent=2))
