"""`environments` of the project file: which server a command calls, with which token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fairlift_cli.__main__ import main
from fairlift_cli.check import check_files
from jsonschema import Draft7Validator

from tests.cli.production import CAMPAIGN, TOKEN

VARIABLES = ("FAIRLIFT_SERVER", "FAIRLIFT_TOKEN", "FAIRLIFT_CA", "FAIRLIFT_ENV")
Fairlift = Callable[..., Result]


@pytest.fixture
def fairlift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fairlift:
    """The command line, in a folder of its own, and with these variables only."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, answer: str | None = None, **env: str) -> Result:
        return CliRunner().invoke(main, words, env={"COLUMNS": "200", **env}, input=answer)

    return run


def project(folder: Path, text: str) -> None:
    (folder / "fairlift.yaml").write_text(f"environments:\n  {text}\n", encoding="utf-8")


def production_project(folder: Path, address: str, **more: str) -> None:
    keys = {"server": address, "token": "SHOP_TOKEN", **more}
    pairs = ", ".join(f"{key}: {value}" for key, value in keys.items())
    project(folder, f"production: {{{pairs}}}")


def called(run: Result) -> str:
    assert run.exit_code == 2, run.output
    return run.stderr.partition("answers at ")[2].partition(" ")[0]


def test_a_flag_then_the_environment_then_a_variable_then_the_file(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    text = "server: 127.0.0.1:2\nenvironments: {production: {server: '127.0.0.1:3'}}\n"
    (tmp_path / "fairlift.yaml").write_text(text)
    variable = {"FAIRLIFT_SERVER": "127.0.0.1:4"}
    env = {"FAIRLIFT_ENV": "production"}

    assert called(fairlift("campaigns")) == "127.0.0.1:2"
    assert called(fairlift("campaigns", **variable)) == "127.0.0.1:4"
    assert called(fairlift("campaigns", **variable, **env)) == "127.0.0.1:3"
    assert called(fairlift("campaigns", "--env", "production", **variable)) == "127.0.0.1:3"
    assert called(fairlift("--env", "production", "campaigns", **variable)) == "127.0.0.1:3"
    flags = ("--env", "production", "--server", "127.0.0.1:5")
    assert called(fairlift("campaigns", *flags, **variable)) == "127.0.0.1:5"


def test_a_flag_for_another_environment_wins_over_the_variable(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    project(tmp_path, "a: {server: '127.0.0.1:2'}\n  b: {server: '127.0.0.1:3'}")
    variable = {"FAIRLIFT_ENV": "a"}

    assert called(fairlift("--env", "b", "campaigns", **variable)) == "127.0.0.1:3"
    assert called(fairlift("campaigns", "--env", "b", **variable)) == "127.0.0.1:3"
    twice = fairlift("--env", "a", "campaigns", "--env", "b")
    assert (twice.exit_code, "--env is a and b; name one of them" in twice.stderr) == (2, True)


def test_a_token_comes_from_the_variable_or_from_the_file(
    fairlift: Fairlift, tmp_path: Path, production: str
) -> None:
    production_project(tmp_path, production)
    wrong = {"FAIRLIFT_TOKEN": "of-another-server"}

    by_variable = fairlift("campaigns", "--env", "production", SHOP_TOKEN=f"{TOKEN}\n", **wrong)
    flag = ("--env", "production", "--token", TOKEN)
    by_flag = fairlift("campaigns", *flag, SHOP_TOKEN="of-another-server")
    without = fairlift("campaigns", "--env", "production", **wrong)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    production_project(tmp_path, production, token="./token")
    by_file = fairlift("campaigns", "--env", "production", **wrong)
    production_project(tmp_path, production, token="''")
    by_fairlift_token = fairlift("campaigns", "--env", "production", FAIRLIFT_TOKEN=TOKEN)

    # The file says where the token is: then no other one is sent.
    assert without.exit_code == 2
    assert "environments.production.token: the variable SHOP_TOKEN is not set" in without.stderr
    for run in (by_variable, by_flag, by_file):
        assert run.exit_code == 0, run.stderr
    # An empty value is a mistake, as every key without a value.
    assert by_fairlift_token.exit_code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "token cannot be read: No such file"),
        (b" \n", "token is empty"),
        (b"\xff\xfe", "token cannot be read: it is not a text"),
        ("sé".encode(), "contains a line break or a non-ASCII character"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_told(
    fairlift: Fairlift, tmp_path: Path, content: bytes | None, says: str
) -> None:
    production_project(tmp_path, "127.0.0.1:2", token="./token")
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    run = fairlift("campaigns", "--env", "production")

    assert run.exit_code == 2
    assert says in run.stderr


def test_a_certificate_is_read_beside_the_project_file(fairlift: Fairlift, tmp_path: Path) -> None:
    production_project(tmp_path, "127.0.0.1:2", token="''", ca="ca.pem")

    missing = fairlift("campaigns", "--env", "production")
    (tmp_path / "ca.pem").write_text("no certificate")
    wrong = fairlift("campaigns", "--env", "production")
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    fine = fairlift("campaigns", "--env", "production")

    assert "environments.production.ca: " in missing.stderr
    assert "ca.pem is not a file" in missing.stderr
    assert "is not a PEM certificate" in wrong.stderr
    assert called(fine) == "127.0.0.1:2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no fairlift.yaml is here or above"),
        ("server: 127.0.0.1:2", "has no such environment; it has none"),
        ("environments: {prodction: {server: 'a:1'}}", "environment; did you mean prodction?"),
        ("environments: {a: {server: 'a:1'}, b: {server: 'b:1'}}", "it has a, b"),
        ("environments: {production: {}}", "environments.production.server is missing"),
        ("environments: 3", "environments must be a mapping"),
    ],
)
def test_an_environment_that_is_not_there_calls_no_other_server(
    fairlift: Fairlift, tmp_path: Path, text: str | None, says: str
) -> None:
    if text is not None:
        (tmp_path / "fairlift.yaml").write_text(text)

    run = fairlift("campaigns", "--env", "production")

    assert (run.exit_code, says in run.stderr) == (2, True), run.stderr


def test_a_server_of_another_environment_refuses_with_a_sentence(
    fairlift: Fairlift, tmp_path: Path, production: str
) -> None:
    # Somebody wrote the address of production under staging.
    project(tmp_path, f"staging: {{server: '{production}', token: SHOP_TOKEN}}")

    run = fairlift("campaigns", "--env", "staging", SHOP_TOKEN=TOKEN)

    assert run.exit_code == 1
    assert "the caller is of the environment 'staging', and this server is of another" in run.stderr
    assert f"{production} was called for staging" in run.stderr
    assert TOKEN not in run.output + run.stderr


@pytest.mark.parametrize(
    ("text", "rule", "place", "says"),
    [
        ("production: {sever: 'a:1'}", "FL701", (2, 16), "sever is not known; did you mean server"),
        ("production: {token: A}", "FL701", (2, 15), "production.server is missing"),
        ("production: {server: nohost}", "FL701", (2, 24), "is nohost, must be HOST:PORT"),
        ("production:", "FL701", (2, 14), "must be a mapping"),
        ("Production: {server: 'a:1'}", "FL701", (2, 3), "must be up to 32 small letters"),
        ("production: {server: 'a:1', ca: [x]}", "FL701", (2, 35), "is a list"),
        ("production: {server: 'a:1', token: [x]}", "FL701", (2, 38), "is a list"),
    ],
)
def test_check_tells_mistakes_at_their_place(
    tmp_path: Path, text: str, rule: str, place: tuple[int, int], says: str
) -> None:
    project(tmp_path, text)
    (tmp_path / "popup.yaml").write_text(f"campaign: popup\n{CAMPAIGN}")

    found = check_files([tmp_path]).found

    matching = [each for each in found if (each.line, each.column) == place]
    assert [each.rule for each in matching] == [rule], "\n".join(map(str, found))
    assert says in str(matching[0])


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        "s3cret",
        "3f8a1c" * 10 + "abcd",
        "3F8A1C" * 10 + "ABCD",
        "A3F8A1C9D2E4B5A6C7D8E9F0A1B2C3D4E5F60718293A4B5C6D7E8F9",
        "c2VjcmV0IQ+b64/AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "A_B3F8A1C9D2E4B5A6C7D8E9F0A1B2C3D4",
    ],
)
def test_a_secret_in_the_file_is_an_error_that_does_not_repeat_it(
    fairlift: Fairlift, tmp_path: Path, secret: str
) -> None:
    production_project(tmp_path, "127.0.0.1:2", token=f"'{secret}'")
    (tmp_path / "popup.yaml").write_text(f"campaign: popup\n{CAMPAIGN}")

    said = fairlift("check", ".")
    formats = [fairlift("check", ".", "--format", name) for name in ("json", "sarif", "github")]
    sent = fairlift("campaigns", "--env", "production")

    assert said.exit_code == 1
    assert (
        "error FL707: environments.production.token must be the name of a variable" in said.output
    )
    assert sent.exit_code == 2
    assert "FL707" in sent.stderr
    for run in (said, *formats, sent):
        assert secret not in run.output + run.stderr


def test_a_token_is_found_before_there_is_a_campaign(fairlift: Fairlift, tmp_path: Path) -> None:
    production_project(tmp_path, "127.0.0.1:2", token=TOKEN)

    with_token = fairlift("check", ".")
    refused = fairlift("apply", ".")
    production_project(tmp_path, "127.0.0.1:2", token="SHOP_TOKEN")
    without = fairlift("check", ".")

    assert with_token.exit_code == 1
    assert "error FL707: environments.production.token" in with_token.output
    assert "0 campaigns checked: 1 mistake" in with_token.stderr
    assert refused.exit_code == 1
    # A folder without campaigns is never checked in silence.
    assert (without.exit_code, "contains no campaign file" in without.stderr) == (2, True)


@pytest.mark.parametrize(
    "name", ["SHOP_TOKEN", "FAIRLIFT_PRODUCTION_TOKEN", "T2", "./t", "../a/b", "~/.t", "/run/t"]
)
def test_names_of_variables_and_paths_are_no_secrets(tmp_path: Path, name: str) -> None:
    production_project(tmp_path, "127.0.0.1:2", token=name)
    (tmp_path / "popup.yaml").write_text(f"campaign: popup\n{CAMPAIGN}")

    assert check_files([tmp_path]).found == ()


SCHEMA = Draft7Validator(json.loads(CliRunner().invoke(main, ["schema", "--of", "project"]).stdout))


def test_the_schema_of_the_project_file_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA.schema)


def environments(**values: Any) -> dict[str, Any]:
    return {"environments": {"production": {"server": "shop.example:443", **values}}}


@pytest.mark.parametrize(
    ("content", "is_fine"),
    [
        (environments(), True),
        (environments(token="SHOP_TOKEN", ca="ca.pem"), True),
        (environments(token="~/.config/fairlift/production"), True),
        (environments(token=TOKEN), False),
        (environments(token="3F8A1C" * 10 + "ABCD"), False),
        (environments(toke="SHOP_TOKEN"), False),
        ({"environments": {"production": {"token": "SHOP_TOKEN"}}}, False),
        ({"environments": {"Production": {"server": "shop.example:443"}}}, False),
        ({"environment": {}}, False),
        ({"server": "nohost"}, False),
        ({"levels": {"FL522": "error", "FL501": "off"}}, True),
        ({"levels": {"FL522": "loud"}}, False),
        ({"levels": {"FL206": "off"}}, False),
        ({"levels": {"FL999": "off"}}, False),
        ({"attributes": {"cart_value": "number"}, "labels": ["owner"]}, True),
        ({"attributes": {"cart_value": "integer"}}, False),
        ({"defaults": {"unit": "customer", "plan": {"power": "90%", "segments": ["a"]}}}, True),
        ({"defaults": {"unit": "dog"}}, False),
        ({"defaults": {"plan": {"primary": "conversion_rate"}}}, False),
        ({"defaults": {"campaign": "popup"}}, False),
    ],
)
def test_the_schema_and_check_say_the_same(
    tmp_path: Path, content: dict[str, Any], is_fine: bool
) -> None:
    (tmp_path / "fairlift.yaml").write_text(json.dumps(content))  # JSON is YAML
    (tmp_path / "popup.yaml").write_text(f"campaign: popup\n{CAMPAIGN}labels: {{owner: ana}}\n")

    found = [each for each in check_files([tmp_path]).found if each.rule in ("FL701", "FL707")]

    assert SCHEMA.is_valid(content) == is_fine
    assert (not found) == is_fine, "\n".join(map(str, found))
