"""Writes buckets.json, by the reference murmur3 alone. Run once; lines are added, never edited."""

import json
import random
from pathlib import Path

from tests.golden.murmur3 import murmur3_32, reference_bucket

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz0123456789-_",
    "áéíñüșțăâî",
    "日本語中文한국어",
    "😀🛒🎁",
    "\u0000\t\n \"'\\",
)


def units(rng: random.Random, count: int) -> list[str]:
    """Ids of every shape: empty, of one character, long, numeric, UUIDs, and not of ASCII."""
    made = ["", "a", "0", "é", "😀", "x" * 300, "ñ" * 300, " ", ":", "a:b"]
    while len(made) < count:
        match len(made) % 8:
            case 0:
                made.append(str(rng.randrange(10**9)))
            case 1 | 2:
                made.append(f"visitor-{rng.randrange(10**7)}")
            case 3:
                made.append(f"{rng.getrandbits(128):032x}")
            case 4:
                made.append(f"ana.{rng.randrange(1000)}@tienda.example")
            case 5:
                length = rng.randrange(1, 8)
                made.append("".join(rng.choices(_ALPHABETS[len(made) % 5], k=length)))
            case 6:
                made.append("".join(rng.choices("".join(_ALPHABETS), k=rng.randrange(1, 24))))
            case _:
                long = len(made) % 200 == 7
                made.append("".join(rng.choices(_ALPHABETS[0], k=300 if long else 12)))
    return made


def main() -> None:
    """Writes the file beside this one."""
    rng = random.Random(20261120)
    salts = ["s", "0" * 32, *(f"{rng.getrandbits(128):032x}" for _ in range(48))]
    lines = []
    for index, unit in enumerate(units(rng, 10_000)):
        salt = salts[index % len(salts)]
        hashed = murmur3_32(f"{salt}:{unit}".encode())
        lines.append(json.dumps([salt, unit, hashed, reference_bucket(salt, unit)]))
    body = ",\n".join(lines)
    path = Path(__file__).with_name("buckets.json")
    path.write_text(
        f'{{"hash_version": 1,\n"columns": ["salt", "unit", "hash", "bucket"],\n"vectors": [\n'
        f"{body}\n]}}\n"
    )


if __name__ == "__main__":
    main()
