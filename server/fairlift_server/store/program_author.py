"""The author of what a command of fairlift-server changes."""

import getpass
import socket

from fairlift_server.store.history import Author

PROGRAM = "fairlift-server"


def program_author() -> Author:
    """The program, the user of the machine who runs it, and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = ""
    return Author(PROGRAM, user, socket.gethostname())
