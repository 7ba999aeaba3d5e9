"""The file that remembers what was sent, so that nothing is sent twice."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from fairlift_cli.failures import Misused
from fairlift_cli.notify.verdict_changes import VERDICT_NAMES, SentVerdict

_FORM = 1


def sent_path(server: str, receiver: str) -> Path:
    """Where it is kept by default: a file for each server and receiver; names neither."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    key = hashlib.sha256(f"{server}\n{receiver}".encode()).hexdigest()[:12]
    return Path(state) / "fairlift" / f"notify-{key}.json"


@contextlib.contextmanager
def only_run(path: Path) -> Iterator[None]:
    """Holds the file for one run: two at a time would tell the same twice.

    Raises:
        Misused: another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misused(
                f"{path}: another `fairlift notify` uses this file; wait until it has ended"
            ) from None
        yield


def read_sent(path: Path) -> dict[str, SentVerdict] | None:
    """What was sent, by campaign; None before the first run.

    Raises:
        Misused: the file is not one of these.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["form"] != _FORM:
            raise ValueError(content["form"])
        return {str(campaign): _sent(each) for campaign, each in content["told"].items()}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise Misused(
            f"{path}: is not a file of `fairlift notify`, or of a newer one; name another with "
            "--state, or delete it: the next run then records the verdicts and tells none"
        ) from None


def _sent(each: Mapping[str, object]) -> SentVerdict:
    epoch, name = each["epoch"], str(each["name"])
    if not isinstance(epoch, int):
        raise TypeError(epoch)
    # What a newer version sent has no words here; it is sent anew.
    return SentVerdict(epoch, name if name in VERDICT_NAMES else "", str(each["variant"]))


def write_sent(path: Path, sent: Mapping[str, SentVerdict]) -> None:
    """Replaces the file at once, by a complete one that only its owner can read."""
    content = {
        "form": _FORM,
        "told": {campaign: dataclasses.asdict(each) for campaign, each in sorted(sent.items())},
    }
    new = path.with_name(f"{path.name}.partial")
    with open(new, "w", encoding="utf-8", opener=_private) as file:
        file.write(json.dumps(content, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
