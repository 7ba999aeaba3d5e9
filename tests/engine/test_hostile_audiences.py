"""Targeting rules are data: random bytes and damaged trees end in a rule or an audience, soon."""

import random
import time
from collections import Counter

from fairlift.engine.audience import MAX_CONDITION_DEPTH, MAX_NODES, depth, node_count
from fairlift.engine.errors import InvalidCampaign
from fairlift.v1 import audience_pb2 as pb
from fairlift.wire.audience import condition_from
from google.protobuf.message import DecodeError

TRIES = 20_000
# Of computing; most take microseconds, a list of 10,001 values some milliseconds.
BUDGET_S = 0.25


def judged(message: pb.Condition) -> str:
    """Whether it is an audience; no other error comes, and an audience keeps its bounds."""
    started = time.thread_time()
    try:
        condition = condition_from(message)
    except InvalidCampaign:
        outcome = "refused"
    else:
        assert node_count(condition) <= MAX_NODES
        assert depth(condition) <= MAX_CONDITION_DEPTH
        outcome = "audience"
    assert time.thread_time() - started < BUDGET_S
    return outcome


def grown(rng: random.Random, level: int = 0) -> pb.Condition:
    """A tree whose parts are drawn without regard to any rule."""
    text = rng.choice(
        ["", "a", "__class__", "a" * 300, "(a+)+$", "{{7*7}}", "';--", "\x00", "ñ\u202e"]
    )
    message = pb.Condition()
    match rng.randrange(9 if level < 20 else 6):
        case 0:
            message.exists.attribute = text
        case 1:
            message.compare.attribute = text
            message.compare.op = rng.randrange(9)  # type: ignore[assignment]  # also none of them
            message.compare.value.number_value = rng.choice([0, float("nan"), float("inf"), 1e308])
        case 2:
            message.text.attribute, message.text.value = text, text * rng.randrange(3)
            message.text.op = rng.randrange(5)  # type: ignore[assignment]  # also none of them
        case 3:
            message.version.attribute, message.version.value = "v", text
            message.version.op = rng.randrange(9)  # type: ignore[assignment]  # also none of them
        case 4:
            getattr(message, "in").attribute = text
            for _ in range(rng.choice([0, 1, 5, 10_001])):
                getattr(message, "in").values.add().string_value = text
        case 5:
            message.between.attribute = text
            message.between.low.string_value, message.between.high.number_value = text, 1
        case 6:
            getattr(message, "not").CopyFrom(grown(rng, level + 1))
        case 7:
            message.all_of.conditions.extend(grown(rng, level + 1) for _ in range(rng.randrange(3)))
        case _:
            message.any_of.conditions.extend(grown(rng, level + 1) for _ in range(rng.randrange(3)))
    return message


def test_random_trees_are_refused_by_a_rule_or_kept_within_bounds() -> None:
    rng = random.Random(4)

    outcomes = Counter(judged(grown(rng)) for _ in range(TRIES // 3))

    assert outcomes["refused"] > 1_000
    assert outcomes["audience"] > 100


def test_damaged_messages_are_refused_or_read() -> None:
    rng = random.Random(5)
    sound = [grown(rng).SerializeToString() for _ in range(100)]

    outcomes: Counter[str] = Counter()
    for _ in range(TRIES):
        data = bytearray(rng.choice(sound) or b"\x0a")
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            message = pb.Condition.FromString(bytes(data))
        except DecodeError:
            outcomes["no message"] += 1
        else:
            outcomes[judged(message)] += 1

    assert outcomes["no message"] > 1_000
    assert outcomes["refused"] > 1_000
