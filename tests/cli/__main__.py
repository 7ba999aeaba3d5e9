"""Runs the comparison of `check` and server in its long form: `python -m tests.cli`.

It prints how many files and sets were judged, how many passed, and every disagreement. The exit
code is 1 when there is one.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import grpc
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from hypothesis import HealthCheck, given, seed, settings

from examples.server import running_server
from tests.cli.agreement import judge_mutated_file, judge_mutated_set, judge_set
from tests.cli.campaign_sets import SETS


def judged(what: str, judge: Callable[[int], bool], seeds: range) -> int:
    """Judges each seed and prints the counts; returns how many disagree or crash."""
    passed = failed = 0
    for number in seeds:
        try:
            passed += judge(number)
        except Exception as error:
            failed += 1
            print(f"{what} {number}: {type(error).__name__}: {error}", flush=True)
        if (number - seeds.start + 1) % 10_000 == 0:
            print(f"{what}: {number - seeds.start + 1} of {len(seeds)}", flush=True)
    print(f"{what}: {len(seeds)} judged, {passed} passed, {failed} wrong", flush=True)
    return failed


def drawn_sets_judged(service: CampaignServiceStub, count: int, first: int) -> int:
    """Judges sets that Hypothesis draws; returns 1 when one, which it shortens, disagrees."""
    results: list[bool] = []

    @seed(first)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(documents=SETS)
    def judge(documents: list[dict[str, Any]]) -> None:
        results.append(judge_set(service, documents))

    failed = 0
    try:
        judge()
    except Exception as error:
        failed = 1
        print(f"drawn sets: {type(error).__name__}: {error}", flush=True)
    print(f"drawn sets: {len(results)} judged, {sum(results)} passed, {failed} wrong", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="mutated files, no server")
    parser.add_argument("--sets", type=int, default=2_000, help="sets of each kind, with a server")
    parser.add_argument("--first", type=int, default=1_000, help="the first seed")
    chosen = parser.parse_args()
    with running_server(currency="EUR") as address, grpc.insecure_channel(address) as channel:
        service = CampaignServiceStub(channel)
        failed = drawn_sets_judged(service, chosen.sets, chosen.first)
        failed += judged(
            "mutated sets",
            lambda number: judge_mutated_set(service, number),
            range(chosen.first, chosen.first + chosen.sets),
        )
    failed += judged(
        "mutated files", judge_mutated_file, range(chosen.first, chosen.first + chosen.files)
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
