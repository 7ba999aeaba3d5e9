"""Errors of DuckDB's readers as one sentence each, without advice for programmers."""

import json
import re
from pathlib import Path

from fairlift_server.importing.text_file import MAX_LINE_BYTES


def explained(error: str, path: Path) -> str:
    """What is wrong with the file, and where."""
    if line := re.search(r"CSV Error on Line: (\d+)", error):
        where = f"line {line[1]}"
        if "unterminated quote" in error:
            return f"{where} opens a quotation mark and does not close it, or closes it too early"
        if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", error):
            return (
                f"{where} has {counts[2]} columns, the line of their names has {counts[1]}; check "
                "the separator, and quotation marks around texts that contain it"
            )
        if "Maximum line size" in error:
            return (
                f"{where} is longer than {MAX_LINE_BYTES:,} characters; is a quotation mark open?"
            )
    if "CSV Parser state machine" in error or "does not support a full read" in error:
        return "has lines that end in different ways, or a quotation mark that is not closed"
    if "Malformed JSON" in error:
        return _broken_json(path)
    if "magic bytes" in error or "arquet" in error:
        return "is no Parquet file, or it is cut off"
    if "maximum_object_size" in error:
        return f"a line is longer than {MAX_LINE_BYTES:,} characters"
    # Without what it quotes: values of a file may name a person.
    sentence = re.sub(r"(['\"]).*?\1", "a value", error.partition("\n")[0])
    return f"cannot be read: {sentence.partition(': ')[2] or sentence}"


def _broken_json(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    json.loads(line)
            except ValueError:
                return f"line {number} is no JSON object; every line must be one"
    return "is no file of JSON lines: every line must be one object"
