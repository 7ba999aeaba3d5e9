"""The text of a token: 256 bits, recognised by scanners, and bound to its environment."""

import random
import re
import statistics
import time
import zlib

import pytest
from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.access.token_text import environment_of, new_token, secret_hash_of
from fairlift_server.api.bearer import address_of, bearer_token
from fairlift_server.store.tokens import StoredToken

# What docs/operating.md gives to scanners of repositories.
SCANNED = re.compile(r"fairlift_(?:[a-z][a-z0-9-]{0,31}_)?[0-9A-Za-z]{49}")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("environment", ["", "production", "eu-1"])
def test_a_token_is_recognised_and_names_its_environment(environment: str) -> None:
    token = new_token(environment)

    assert SCANNED.fullmatch(token)
    assert environment_of(token) == environment
    assert len(secret_hash_of(token)) == 32


def test_a_token_holds_256_random_bits() -> None:
    asked = []

    def bits(number: int) -> int:
        asked.append(number)
        return (1 << number) - 1

    largest, smallest = new_token("", bits), new_token("", lambda _: 0)
    number = 0
    for digit in largest[len("fairlift_") : -6]:
        number = number * 62 + DIGITS.index(digit)

    assert asked == [256]
    assert number == 2**256 - 1
    assert smallest.startswith("fairlift_" + "0" * 43)


def test_the_last_six_are_a_checksum() -> None:
    token, checksum = new_token("staging"), 0
    for digit in token[-6:]:
        checksum = checksum * 62 + DIGITS.index(digit)
    assert checksum == zlib.crc32(token[:-6].encode())

    rng = random.Random(7)
    for _ in range(200):
        place, other = rng.randrange(len(token)), rng.choice(DIGITS)
        if token[place] != other:
            assert environment_of(token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:50312", "10.0.0.7"),
        ("ipv6:%5B::1%5D:50312", "::1"),
        ("ipv6:[2001:db8::7]:443", "2001:db8::7"),
        ("unix:/run/fairlift.sock", "unix:/run/fairlift.sock"),
        ("", ""),
    ],
)
def test_the_address_of_a_peer_has_no_port(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_of_two_tokens_none_counts() -> None:
    one = ("authorization", "Bearer a")

    assert bearer_token([("x", "y"), one]) == "a"
    assert bearer_token([one, one]) == ""
    assert bearer_token([]) == ""


def test_unknown_expired_and_revoked_take_the_same_time() -> None:
    known = {name: new_token("") for name in ("valid", "revoked", "expired")}
    ends = {"revoked": (None, 1), "expired": (1, None), "valid": (None, None)}
    tokens = LiveTokens(environment="", setting="", is_open=False, now_us=lambda: 2)
    tokens.replace(
        StoredToken(name, name, "admin", "", 0, *ends[name], None, secret_hash_of(text), None, None)
        for name, text in known.items()
    )
    asked = {**known, "unknown": new_token("")}
    took: dict[str, list[int]] = {name: [] for name in asked}
    for _ in range(2_000):  # in turns: a busy machine disturbs all alike
        for name, text in asked.items():
            begun = time.perf_counter_ns()
            grant = tokens.grant(text)
            took[name].append(time.perf_counter_ns() - begun)
            assert (grant is not None) is (name == "valid")

    medians = [statistics.median(took[name]) for name in ("unknown", "revoked", "expired")]
    # A call takes hundreds of microseconds, and differs by more from one to the next.
    assert max(medians) - min(medians) < 10_000
    assert max(medians) < 2 * min(medians)
