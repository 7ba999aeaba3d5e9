"""The commands that write files for people and editors: `init` and `schema`."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.failures import CommandRefused, Misused
from fairlift_cli.options import parse_share

if TYPE_CHECKING:
    from fairlift_cli.new_campaign import NewCampaign, ShopToday
    from fairlift_cli.project import Project

_GOALS = ["conversion", "revenue", "ticket", "signup"]
_GUARDRAILS = ["conversion", "profit", "refunds", "none"]
_EXAMPLES = [
    "popup", "free-shipping", "cross-sell", "wheel", "birthday", "loyalty", "journey", "price",
    "micro-segment",
]  # fmt: skip


@click.command()
@click.option(
    "--of", "kind", type=click.Choice(["campaign", "project"]), default="campaign",
    show_default=True, help="Of campaign files, or of fairlift.yaml.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the schema to this file instead of standard output.",
)  # fmt: skip
def schema(kind: str, output: Path | None) -> None:
    """Print the JSON Schema of campaign files or of fairlift.yaml, for editors.

    In the folder of the campaigns: `fairlift schema --output campaign.schema.json`, and above
    each file the line `# yaml-language-server: $schema=campaign.schema.json`.
    """
    from fairlift_cli.editor_schema import editor_schema

    if kind == "project":
        from fairlift_cli.project_schema import project_schema

        text = project_schema()
    else:
        text = editor_schema()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misused(f"{output}: {error.strerror}") from None


@click.command()
@click.argument("folder", default="campaigns", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="", help="The campaign's id; default: from goal and page.")
@click.option("--goal", type=click.Choice(_GOALS), help="What the campaign is for.")
@click.option("--page", help="Where it is shown: the value of the attribute page; - is everywhere.")
@click.option("--traffic", type=click.IntRange(min=1), help="New visitors there per week.")
@click.option("--weeks", type=click.IntRange(1, 26), help="How long visitors enter.")
@click.option("--guardrail", type=click.Choice(_GUARDRAILS), help="What must not get worse.")
@click.option(
    "--conversion", callback=parse_share,
    help="Share of them who buy today, or sign up; default: of traffic.yaml, or else 3%.",
)  # fmt: skip
@click.option(
    "--ticket", type=click.FloatRange(min=0, min_open=True),
    help="Average ticket today; default: of traffic.yaml, or else 60.",
)  # fmt: skip
@click.option(
    "--example", type=click.Choice(_EXAMPLES), help="A usual campaign of shops; nothing is asked."
)
@click.option(
    "--ci", type=click.Choice(["github", "gitlab"]),
    help="Also write the CI file of the repository, or print it if there is one.",
)  # fmt: skip
def init(
    folder: Path, name: str, goal: str | None, page: str | None, traffic: int | None,
    weeks: int | None, guardrail: str | None, conversion: float | None, ticket: float | None,
    example: str | None, ci: str | None,
) -> None:  # fmt: skip
    """Write a new campaign file into FOLDER; asks five questions, or takes their answers.

    Nothing that is there already is changed.
    """
    from fairlift_cli import starter_files
    from fairlift_cli.first_test import first_test_text
    from fairlift_cli.project import project_of

    project = project_of([folder])
    if example is not None:
        if any(answer is not None for answer in (goal, page, traffic, weeks, guardrail)):
            raise click.UsageError("--example has its own answers; remove the other options")
        text = starter_files.example_text(example, name)
        name = re.findall(r"^campaign: (.*)$", text, re.MULTILINE)[0]
    else:
        from fairlift_cli.new_campaign import campaign_text, shop_today

        folders = [folder] if project.folder is None else [project.folder, folder]
        today = shop_today(folders, conversion=conversion, ticket=ticket)
        answers = _asked(name, goal, page, traffic, weeks, guardrail, today, project)
        name, text = answers.name, campaign_text(answers)
    path = folder / f"{name}.yaml"
    files: dict[Path, str] = {}
    if example is not None and ci is not None and path.exists():
        click.echo(f"{path} is there already and stays as it is")
    else:
        starter_files.check_name(name, folder)
        campaign = starter_files.checked_campaign(text, path, project)
        files = {path: text, folder / f"{name}.test.yaml": first_test_text(campaign)}
    _write(files, folder, ci)
    quoted = shlex.quote(str(folder))
    click.echo(
        f"Next: fairlift check --strict {quoted} && fairlift test {quoted} && "
        f"fairlift apply {quoted}, and then fairlift start {name}."
    )


def _write(files: dict[Path, str], folder: Path, ci: str | None) -> None:
    """Writes the files of a campaign, the schema and the CI file, and says which are new."""
    from fairlift_cli import starter_files
    from fairlift_cli.editor_schema import SCHEMA_NAME, editor_schema

    files[folder / SCHEMA_NAME] = editor_schema()
    kept, ci_path = [folder / SCHEMA_NAME], None
    if ci is not None:
        root = _repository_of(folder)
        ci_path = root / starter_files.CI_FILES[ci]
        files[ci_path] = starter_files.ci_text(ci, _shown_from(root, folder))
        kept.append(ci_path)
    written = starter_files.write_new_files(files, keep=kept)
    for each in written:
        click.echo(f"wrote {each}")
    if ci_path is not None and ci_path not in written:
        click.echo(f"{ci_path} is there already; add to it:\n\n{files[ci_path]}")


def _asked(
    name: str, goal: str | None, page: str | None, traffic: int | None, weeks: int | None,
    guardrail: str | None, today: "ShopToday", project: "Project",
) -> "NewCampaign":  # fmt: skip
    """The five answers; what no option gives is asked."""
    from fairlift_cli.new_campaign import Goal, NewCampaign, Protected, usual_guardrail

    chosen = Goal(
        goal or click.prompt("What is it for?", type=click.Choice(_GOALS), default=_GOALS[1])
    )
    if page is None:
        page = click.prompt("On which page is it shown (- is everywhere)?", default="-")
    traffic = traffic or click.prompt(
        "How many new visitors see that page in a week?", type=click.IntRange(min=1),
        default=today.weekly,
    )  # fmt: skip
    weeks = weeks or click.prompt("For how many weeks?", type=click.IntRange(1, 26), default=4)
    usual = str(usual_guardrail(chosen))
    protected = Protected(
        guardrail
        or click.prompt("What must not get worse?", type=click.Choice(_GUARDRAILS), default=usual)
    )
    if protected.value == chosen.value:
        raise CommandRefused(f"{chosen} is the goal already; choose another --guardrail")
    place = "" if page == "-" else page.strip()
    slug = re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-")
    usual_name = "-".join(part for part in (str(chosen), slug[:40].strip("-")) if part)
    return NewCampaign(
        name or usual_name, chosen, place, traffic, weeks, protected, today, project.labels
    )


def _repository_of(folder: Path) -> Path:
    """The folder that holds .git, seen from the working directory, or else that itself."""
    start = folder.absolute()
    for parent in (start, *start.parents):
        if (parent / ".git").exists():
            return Path() if parent == Path.cwd() else parent
    return Path()


def _shown_from(root: Path, folder: Path) -> str:
    """The folder as the root of the repository sees it."""
    absolute = folder.absolute()
    base = root.absolute()
    return (absolute.relative_to(base) if absolute.is_relative_to(base) else folder).as_posix()
