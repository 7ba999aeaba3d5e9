"""The command tree."""

import sys

import click

from fairlift_cli.commands.applying import apply, diff
from fairlift_cli.commands.files import check, explain
from fairlift_cli.commands.listing import find_usage, list_campaigns, log
from fairlift_cli.commands.planning import plan, traffic
from fairlift_cli.commands.reading import health, looks, results
from fairlift_cli.commands.reporting import write_report
from fairlift_cli.commands.serving import tell_verdicts, web
from fairlift_cli.commands.states import archive, pause, resume, start, stop
from fairlift_cli.commands.testing import run_tests
from fairlift_cli.commands.writing import init, schema
from fairlift_cli.failures import NOT_REACHED, Failure


class RootCommand(click.Group):
    """The root command; prints a failure as one line on standard error and sets its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the chosen command."""
        try:
            return super().invoke(ctx)
        except Failure as failure:
            click.echo(_safe_lines(str(failure)), err=True)
            ctx.exit(failure.exit_code)
        except BrokenPipeError:
            raise  # the reader closed the pipe; click ends without a message
        except OSError as error:
            where = f"{error.filename}: " if error.filename else "cannot continue: "
            click.echo(_safe_lines(f"{where}{error.strerror or error}"), err=True)
            ctx.exit(NOT_REACHED)


@click.group(
    cls=RootCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success; 1 mistakes were found, or the server refused; "
    "2 wrong usage, or no server answers.",
)
@click.version_option(package_name="fairlift", prog_name="fairlift", message="%(prog)s %(version)s")
@click.option(
    "--env", "environment", metavar="NAME", envvar="FAIRLIFT_ENV", show_envvar=True,
    help="Environment of fairlift.yaml whose server is called, such as production.",
)  # fmt: skip
def main(environment: str | None) -> None:  # noqa: ARG001  # the commands read it
    """Run campaigns as experiments: check files, start campaigns, read results."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show must not end the command.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")


for command in (
    init, check, explain, run_tests, diff, apply, plan, traffic, start, pause, resume, stop,
    archive, list_campaigns, results, write_report, web, tell_verdicts, health, looks, log,
    find_usage, schema,
):  # fmt: skip
    main.add_command(command)


def _safe_lines(text: str) -> str:
    from fairlift_cli.text import clean

    return "\n".join(clean(line) for line in text.splitlines())


if __name__ == "__main__":
    main()
