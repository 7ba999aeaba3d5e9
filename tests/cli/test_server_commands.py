"""The commands that call a server, against a real one: effects, output and exit codes."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fairlift import Client, OrderLine, micros
from fairlift.v1.results_service_pb2 import Report
from fairlift_cli.__main__ import main
from google.protobuf.descriptor import Descriptor

Fairlift = Callable[..., Result]

_FILE = """
campaign: {name}
variants:
  - {{id: control, weight: {weight}}}
  - {{id: red, weight: 1}}
display_name: {title}
plan:
  primary: {{metric: {metric}, minimum_effect: 5%}}
  planned_units: 1000
"""


@pytest.fixture
def fairlift(address: str) -> Fairlift:
    """The CLI as it is typed, against the server."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, words, env={"FAIRLIFT_SERVER": address, "COLUMNS": "80"})

    return run


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A campaign id that no other test uses."""
    return str(request.node.originalname).replace("_", "-").removeprefix("test-")[:60].strip("-")


@pytest.fixture
def file(tmp_path: Path, name: str) -> Callable[..., str]:
    """Writes the campaign's file, with what differs from the usual."""

    def write(**differs: object) -> str:
        path = tmp_path / "campaign.yaml"
        usual = {"name": name, "weight": 1, "title": "A title", "metric": "conversion_rate"}
        path.write_text(_FILE.format(**usual | differs), encoding="utf-8")
        return str(path)

    return write


def test_applying_twice_changes_nothing(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    first = fairlift("apply", file())
    second = fairlift("apply", file())

    assert first.exit_code == 0
    assert f"{name}  new  " in first.output
    assert (second.exit_code, second.output) == (0, "1 campaign is unchanged.\n")


def test_a_dry_run_leaves_the_server_as_it_is(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    dry = fairlift("apply", "--dry-run", file())

    assert dry.exit_code == 0
    assert f"{name}  new  " in dry.output
    assert "Nothing was applied" in dry.output
    assert fairlift("start", name).exit_code == 1


def test_a_file_with_mistakes_is_not_applied(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    run = fairlift("apply", file(metric="conversion_rat", weight=0))

    assert run.exit_code == 1
    assert "campaign.yaml:4:19: error FL206: variants[0].weight is 0" in run.stderr
    assert "did you mean conversion_rate?" in run.stderr
    assert "Nothing was applied." in run.stderr
    assert fairlift("start", name).exit_code == 1


def test_a_new_epoch_needs_consent(fairlift: Fairlift, file: Callable[..., str], name: str) -> None:
    fairlift("apply", file())
    fairlift("start", name)

    without = fairlift("apply", file(weight=3))
    agreed = fairlift("apply", "--new-epoch", file(weight=3))

    assert without.exit_code == 1
    assert f"{name}  new epoch  " in without.output
    assert "variants[0].weight: 1 → 3" in without.output
    assert "allow it with --new-epoch" in without.stderr
    assert agreed.exit_code == 0
    assert _campaign(fairlift, name)["epoch"] == 2


def test_a_sealed_plan_cannot_change_even_with_consent(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    fairlift("apply", file())
    fairlift("start", name)

    run = fairlift("apply", "--new-epoch", file(metric="revenue_per_visitor"))

    assert run.exit_code == 1
    assert f"{name}  refused  " in run.output
    assert "Nothing was applied" in run.stderr
    assert "'conversion_rate'" in str(_campaign(fairlift, name)["plan"])


def test_one_refusal_holds_back_all_files(
    fairlift: Fairlift, file: Callable[..., str], name: str, tmp_path: Path
) -> None:
    fairlift("apply", file())
    fairlift("start", name)
    other = tmp_path / "other.yaml"
    other.write_text(f"campaign: {name}-2\nvariants: [{{id: a}}, {{id: b}}]\n", encoding="utf-8")

    run = fairlift("apply", str(other), file(metric="revenue_per_visitor"))

    assert run.exit_code == 1
    assert fairlift("archive", f"{name}-2").exit_code == 1


def test_a_campaign_goes_through_its_life(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    fairlift("apply", file())

    lived = [
        fairlift(*words)
        for words in (
            ("start", name),
            ("pause", f"campaigns/{name}"),
            ("resume", name),
            ("stop", name, "--reason", "shipped red"),
            ("archive", name),
        )
    ]

    assert [run.exit_code for run in lived] == [0] * 5
    states = ["running", "paused", "running", "stopped", "archived"]
    assert [run.output.split(" is ")[1].split(",")[0].rstrip(".\n") for run in lived] == states
    assert "its plan sealed as " in lived[0].output
    assert name not in fairlift("campaigns").output
    assert name in fairlift("campaigns", "--all").output


def test_what_the_state_forbids_is_refused_in_words(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    fairlift("apply", file())

    run = fairlift("resume", name)

    assert run.exit_code == 1
    assert name in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("verb", ["start", "pause", "stop", "archive", "results", "looks"])
def test_an_unknown_campaign_is_named(fairlift: Fairlift, verb: str) -> None:
    run = fairlift(verb, "nowhere")

    assert run.exit_code == 1
    assert "nowhere" in run.stderr
    assert "`fairlift campaigns --all` lists what exists" in run.stderr


def test_the_language_can_be_chosen_once_for_all(
    fairlift: Fairlift, file: Callable[..., str], name: str, address: str
) -> None:
    fairlift("apply", file())
    fairlift("start", name)

    env = {"FAIRLIFT_SERVER": address, "FAIRLIFT_LANGUAGE": "ro"}
    assert (
        "Sunt datele de încredere?" in CliRunner().invoke(main, ["results", name], env=env).output
    )


def test_a_token_opens_what_is_guarded(guarded: str) -> None:
    words = ["campaigns", "--server", guarded]

    without = CliRunner().invoke(main, words)
    wrong = CliRunner().invoke(main, [*words, "--token", "guess"])
    right = CliRunner().invoke(main, words, env={"FAIRLIFT_TOKEN": "open-sesame"})
    from_a_file = CliRunner().invoke(main, words, env={"FAIRLIFT_TOKEN": " open-sesame\n"})

    assert (without.exit_code, wrong.exit_code, right.exit_code) == (1, 1, 0)
    assert from_a_file.exit_code == 0, from_a_file.stderr
    assert "give a token with --token or FAIRLIFT_TOKEN" in without.stderr
    assert "is not accepted" in wrong.stderr
    assert "give a token" not in wrong.stderr
    assert "guess" not in wrong.stderr


def test_names_from_the_server_cannot_drive_the_terminal(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    title = r'"A \e[31mred\e[0m \u202e title"'
    fairlift("apply", file(title=title))
    fairlift("start", name)

    shown = fairlift("results", name).output

    assert "A red" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_campaign_that_nobody_has_met_has_no_verdict_and_no_number(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    fairlift("apply", file())
    fairlift("start", name)

    run = fairlift("results", name)

    assert run.exit_code == 0
    assert "%" not in run.output.split("Can the data be trusted?")[0]
    assert json.loads(fairlift("looks", name, "--json").output) == []


def test_results_for_programs_have_zeros_and_every_field(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    fairlift("apply", file())
    fairlift("start", name)

    report: dict[str, Any] = json.loads(fairlift("results", name, "--json").output)

    counts = ("units", "buyers", "orders", "revenue_micros", "contaminated_units")
    assert [[total[count] for count in counts] for total in report["totals"]] == [["0"] * 5] * 2
    assert [total["control"] for total in report["totals"]] == [True, False]
    assert _absent(report, Report.DESCRIPTOR) == []


def _absent(tree: dict[str, Any], message: Descriptor) -> list[str]:
    """Fields that JSON lacks, though the contract does not call them optional."""
    missing = []
    for field in message.fields:
        if not field.has_presence and field.name not in tree:
            missing.append(field.full_name)
        value = tree.get(field.name, [])
        parts = value if isinstance(value, list) else [value]
        if field.message_type and field.message_type.full_name.startswith("fairlift."):
            missing += [m for part in parts for m in _absent(part, field.message_type)]
    return missing


def test_results_count_exactly_what_was_sent(
    fairlift: Fairlift, file: Callable[..., str], name: str, address: str
) -> None:
    # Given 600 visitors of the first eight days, and one of today, who tells that they are over
    today = datetime.now(UTC)
    first_day = (today - timedelta(days=20)).replace(hour=0, minute=0, second=0, microsecond=0)
    fairlift("apply", file(metric="revenue_per_visitor"))
    fairlift("start", name, "--at", first_day.isoformat())
    sent: Counter[str] = Counter()
    with Client(address) as client:
        assert client.wait_ready(10)
        for number in range(601):
            moment = today if number == 600 else first_day + timedelta(minutes=19 * number)
            assigned = client.assign(name, f"{name}-{number}")
            client.expose(assigned, time=moment)
            sent[assigned.variant] += 1
            if number % 2 == 0:
                line = OrderLine("sku", 1, micros("12.50"))
                later = moment + timedelta(seconds=1)
                order_id = f"{name}-{number}"
                client.order(order_id, order_id, [line], currency="EUR", time=later)
                sent[f"{assigned.variant} orders"] += 1
        assert client.flush(10)

    rows = fairlift("results", name).output.splitlines()
    looks = json.loads(fairlift("looks", name, "--json").output)

    counts = rows[rows.index("Totals so far, of all visitors who entered") + 2 :]
    for row, variant in zip(counts, ("control", "red"), strict=False):
        orders = sent[f"{variant} orders"]
        revenue = f"€{12.5 * orders:,.2f}"
        assert row.split()[-6:-1] == [
            str(sent[variant]), str(orders), str(orders), revenue, revenue
        ]  # fmt: skip
    # Visitors count three days after they entered: 75.8 a day, from the fourth day on.
    # int64 travels as text in JSON.
    units = [int(look.get("units", 0)) for look in looks]
    assert units[:3] == [0, 0, 0]
    assert units[3] in (75, 76, 77)
    assert units[-1] == 600
    assert units == sorted(units)


def test_results_speak_the_readers_language(
    fairlift: Fairlift, file: Callable[..., str], name: str
) -> None:
    fairlift("apply", file())
    fairlift("start", name)

    assert "Totales hasta ahora" in fairlift("results", name, "--language", "es").output
    assert "Totaluri până acum" in fairlift("results", name, "--language", "ro").output


def _campaign(fairlift: Fairlift, name: str) -> dict[str, object]:
    found = json.loads(fairlift("campaigns", "--json").output)
    return next(each for each in found if each["name"] == f"campaigns/{name}")


def test_looks_speak_the_readers_language_and_name_what_people_call_things(
    fairlift: Fairlift, file: Callable[..., str], name: str, address: str
) -> None:
    path = Path(file(metric="revenue_per_visitor"))
    text = path.read_text(encoding="utf-8").replace("id: red,", "id: red, display_name: Rojo,")
    path.write_text(f"{text}unit: customer\n", encoding="utf-8")
    today = datetime.now(UTC)
    fairlift("apply", str(path))
    fairlift("start", name, "--at", (today - timedelta(days=20)).isoformat())
    nobody = fairlift("looks", name, "--language", "ro").output
    with Client(address) as client:
        assert client.wait_ready(10)
        for number in range(61):
            moment = today if number == 60 else today - timedelta(days=18)
            client.expose(client.assign(name, customer=f"{name}-{number}"), time=moment)
        assert client.flush(10)
    fairlift("results", name)

    spanish = fairlift("looks", name, "--language", "es").output.splitlines()

    first = "prima vine după prima zi întreagă a campaniei"
    assert nobody == f"Încă nu există nicio analiză; {first}.\n"
    details = fairlift("looks", name, "--language", "es", "--details").output
    assert any(row.startswith("Análisis 1, ") for row in spanish[:3])
    # z and the lines are for analysts.
    assert "Éxito" not in "".join(spanish)
    assert all(word in details for word in ("z", "Éxito en", "Empeora en"))
    narrow = CliRunner().invoke(
        main, ["looks", name, "--language", "es"], env={"FAIRLIFT_SERVER": address, "COLUMNS": "60"}
    )
    assert max(map(len, narrow.output.splitlines())) <= 60
    assert any("6\xa0% del plan: " in line for line in spanish)


def test_a_folder_is_applied_together_and_only_what_differs_is_written(
    fairlift: Fairlift, name: str, tmp_path: Path
) -> None:
    # Each file stands before the one that it needs.
    for number in range(3):
        needed = f"prerequisites: [{{campaign: {name}-{number + 1}, variants: [a]}}]\n"
        (tmp_path / f"{number}.yaml").write_text(
            f"campaign: {name}-{number}\nvariants: [{{id: a}}, {{id: b}}]\n"
            + (needed if number < 2 else "")
        )

    first = fairlift("apply", str(tmp_path))
    before = [_campaign(fairlift, f"{name}-{number}")["etag"] for number in range(3)]
    with (tmp_path / "1.yaml").open("a") as file:
        file.write("display_name: Another name\n")
    second = fairlift("apply", str(tmp_path))
    after = [_campaign(fairlift, f"{name}-{number}")["etag"] for number in range(3)]

    assert all(f"{name}-{number}  new  " in first.output for number in range(3))
    assert f"{name}-1  safe  " in second.output
    assert second.output.endswith("2 campaigns are unchanged.\n")
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False, True]
