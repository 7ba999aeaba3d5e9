"""fairlift-server analyze: makes the looks of a campaign that are due, as a job of a scheduler."""

import argparse
import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.results.report_input import ReportInput


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", help="its id")
    parser.add_argument(
        "--engine",
        metavar="ENGINE",
        help="duckdb, spark or spark:MASTER; by default FAIRLIFT_ANALYSIS",
    )
    parser.add_argument(
        "--tables",
        metavar="TABLES",
        help="database, lake:DIR or sources:FILE; by default FAIRLIFT_ANALYSIS_TABLES",
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    chosen = replace(
        settings,
        analysis=arguments.engine or settings.analysis,
        analysis_tables=arguments.tables or settings.analysis_tables,
    )
    with interruptible("the analysis", "run it again: looks that were made are kept"):
        reading = asyncio.run(_read(chosen, arguments.campaign))
    for line in _lines(arguments.campaign, reading):
        print(line)


async def _read(settings: Settings, campaign: str) -> "ReportInput":
    from fairlift_server.offline_results import analysing

    async with analysing(settings) as results:
        return await results.read(campaign)


def _lines(campaign: str, reading: "ReportInput") -> list[str]:
    result = reading.result
    made = len(result.new)
    lines = [f"{campaign}: {made} {'look was' if made == 1 else 'looks were'} made"]
    for kept in result.looks[len(result.looks) - made :]:
        units = sum(kept.entered.values())
        lines.append(f"day {kept.look.day} ({kept.look.at}): {units:,} units, {kept.verdict}")
    if not made:
        due = reading.next_look_time
        when = "no further look is due" if due is None else f"the next is due {due:%Y-%m-%d %H:%M}"
        lines.append(f"{when}; a day is looked at when all its events can be in the tables")
    lines += [f"{name} could not be computed: {why}" for name, why in result.failures.items()]
    return lines


ANALYZE = Command(
    "analyze",
    "make the looks of a campaign that are due and write them into the look log, as a job for cron "
    "or Airflow",
    _add_arguments,
    _run,
)
