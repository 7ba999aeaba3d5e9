"""Commands for people who do not use a terminal: web pages, and news of verdicts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.options import LANGUAGE, target_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlift_cli.notify.notify_command import NewsLine
    from fairlift_cli.server_connection import Target


@click.command()
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:8765", show_default=True,
    help="Where pages are served; port 0 takes a free one.",
)  # fmt: skip
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
@click.option(
    "--base-url", metavar="URL", default="",
    help="What people open: the sign-on proxy in front. Needed to serve other machines.",
)  # fmt: skip
@click.option(
    "--user-header", metavar="NAME", default="X-Forwarded-User", show_default=True,
    help="The header in which the proxy names who has signed on.",
)  # fmt: skip
@click.option(
    "--proxy", "proxies", metavar="ADDRESS", multiple=True,
    help="Address or network that the proxy connects from; default: this machine.",
)  # fmt: skip
@target_options
def web(
    listen: str, no_open: bool, base_url: str, user_header: str, proxies: tuple[str, ...],
    target: "Target",
) -> None:  # fmt: skip
    """Show all campaigns and their results in the browser, as they change.

    The pages read with the token of this command, and change nothing.
    """
    from fairlift_cli.needed_extra import needing

    with needing("web", "report"):
        from fairlift_cli.web.serving import serve_pages
        from fairlift_cli.web.web_settings import web_settings

    settings = web_settings(listen, base_url=base_url, user_header=user_header, proxies=proxies)
    serve_pages(target, settings, open_browser=not no_open, say=click.echo)


@click.command("notify")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the changes.")
@click.option(
    "--slack-webhook", metavar="URL", envvar="FAIRLIFT_SLACK_WEBHOOK", show_envvar=True,
    help="Send the changes to a Slack channel; the variable hides the address from other users.",
)  # fmt: skip
@click.option(
    "--base-url", metavar="URL", default="", envvar="FAIRLIFT_WEB_URL", show_envvar=True,
    help="Where people open `fairlift web`; lines then link to it.",
)  # fmt: skip
@click.option(
    "--pictures", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write a picture of each campaign that is told there, as PNG.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="What was told; default: a file in ~/.local/state/fairlift for each server and receiver.",
)  # fmt: skip
@LANGUAGE
@target_options
def tell_verdicts(
    to_stdout: bool, slack_webhook: str | None, base_url: str, pictures: Path | None,
    state: Path | None, language: str, target: "Target",
) -> None:  # fmt: skip
    """Tell which verdicts have changed since the last run, each change once.

    The first run records the verdicts and tells none.
    """
    from fairlift_cli.figures import Figures
    from fairlift_cli.needed_extra import needing
    from fairlift_cli.notify.notify_command import print_lines, send_to_slack, tell_changes
    from fairlift_cli.notify.sent_file import sent_path
    from fairlift_cli.notify.slack_webhook import check_webhook
    from fairlift_cli.server_connection import connected
    from fairlift_cli.text import clean

    if pictures is not None:
        with needing("report"):
            from fairlift_cli.notify.pictures import picture_writer
    # The variable stands in the environment of a cron job that may print as well.
    if to_stdout:
        slack_webhook = None
    elif not slack_webhook:
        raise click.UsageError("say where to: --stdout or --slack-webhook URL")
    else:
        check_webhook(slack_webhook)
    figures = Figures(language)

    def send(lines: "Sequence[NewsLine]") -> None:
        if slack_webhook is None:
            print_lines(lines, click.echo)
        else:
            send_to_slack(lines, slack_webhook, figures.say("notify.heading"))

    path = state or sent_path(target.address, slack_webhook or "stdout")
    with connected(target) as server:
        picture = picture_writer(server, pictures, language) if pictures is not None else None
        done = tell_changes(server, path, figures, base_url, send, picture)
    if done:
        click.echo(clean(done), err=True)
