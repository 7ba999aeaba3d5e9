"""The environment, read once."""

from dataclasses import fields

import pytest
from fairlift.engine.errors import InvalidRequest
from fairlift_server.setting_values import variable
from fairlift_server.setting_variables import settings_from, settings_help, unknown_variables
from fairlift_server.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings_from({"PATH": "/bin"}) == Settings()


def test_values_are_read_by_their_kind() -> None:
    settings = settings_from(
        {
            "FAIRLIFT_LISTEN": "[::1]:0",
            "FAIRLIFT_QUEUE_EVENTS": "2000",
            "FAIRLIFT_KEEP_ALIVE_S": "0.5",
            "FAIRLIFT_REFLECTION": "no",
        }
    )

    assert (settings.host, settings.queue_events, settings.keep_alive_s) == ("::1", 2_000, 0.5)
    assert settings.is_loopback
    assert not settings.has_reflection


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LISTEN", "50051", "must be host:port"),
        ("LISTEN", "127.0.0.1:70000", "must be host:port"),
        ("LISTEN", "127.0.0.1:²", "must be host:port"),
        ("HTTP", "9464", "must be host:port"),
        ("HTTP", "localhost:", "must be host:port"),
        ("HTTP", "127.0.0.1:metrics", "must be host:port"),
        ("HTTP", ":9464", "must be host:port"),  # which would be every address of the machine
        ("DATABASE", "", "must be a path"),
        ("DATABASE", "mysql://u:secret@host/shop", "begins with mysql://"),
        ("DATABASE", "host=db password=secret", "lists words such as host=…"),
        ("DATABASE", "postgresql:/me:secret@db/shop", "lacks a slash after postgresql:/"),
        ("WORKERS", "2", "must be 1 with a SQLite file, which one process uses"),
        ("WORKERS", "65", "must be 1 to 64"),
        ("WORKER_SILENCE_S", "1", "must be 2 to 3,600"),
        ("CONNECTION_AGE_S", "-1", "must be 0 to 86,400"),
        ("JOURNAL_MB", "0", "must be 1 to 1,048,576"),
        ("CURRENCY", "euro", "ISO 4217"),
        ("CURRENCY", "XXZ", "ISO 4217"),
        ("CURRENCY", "eur", "ISO 4217"),
        ("CURRENCY", "XXX", "ISO 4217"),  # no currency
        ("HISTORY_DAYS", "0", "must be 1 to 36,500"),
        ("HISTORY_DAYS", "99999999999", "must be 1 to 36,500"),
        ("PARKED_EVENTS", "-1", "must be 0 to 10,000,000"),
        ("PARKED_EVENTS", str(10**30), "must be 0 to 10,000,000"),
        ("PARKED_DAYS", "4000", "must be 1 to 3,650"),
        ("QUEUE_EVENTS", "10", "must be 1,000 to 10,000,000"),
        ("QUEUE_EVENTS", "99999999999", "must be 1,000 to 10,000,000"),
        ("ANALYSES", "0", "must be 1 to 64"),
        ("ANALYSES", "65", "must be 1 to 64"),
        ("LOOK_EVERY_S", "inf", "must be 0.01 to 86,400"),
        ("LOOK_EVERY_S", "nan", "must be 0.01 to 86,400"),
        ("KEEP_ALIVE_S", "0", "must be 0.01 to 3,600"),
        ("KEEP_ALIVE_S", "soon", "must be a number such as 20.0"),
        ("DRAIN_S", "-1", "must be 0 to 3,600"),
        ("DRAIN_S", "inf", "must be 0 to 3,600"),
        ("DRAIN_S", "nan", "must be 0 to 3,600"),
        ("DRAIN_DELAY_S", "-1", "must be 0 to 3,600"),
        ("DRAIN_DELAY_S", "1e300", "must be 0 to 3,600"),
        ("LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("ALLOW_OPEN", "perhaps", "yes or no"),
    ],
)
def test_a_value_out_of_its_rules_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        settings_from({f"FAIRLIFT_{name}": value})

    assert caught.value.violations[0].field == f"FAIRLIFT_{name}"


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("HISTORY_DAYS", "1", "36500"),
        ("PARKED_EVENTS", "0", "10000000"),
        ("PARKED_DAYS", "1", "3650"),
        ("QUEUE_EVENTS", "1000", "10000000"),
        ("ANALYSES", "1", "64"),
        ("LOOK_EVERY_S", "0.01", "86400"),
        ("KEEP_ALIVE_S", "0.01", "3600"),
        ("DRAIN_DELAY_S", "0", "3600"),
        ("DRAIN_S", "0", "3600"),
    ],
)
def test_the_ends_of_a_range_are_in_it(name: str, low: str, high: str) -> None:
    for value in (low, high):
        settings = settings_from({f"FAIRLIFT_{name}": value})
        assert getattr(settings, name.lower()) == float(value)


def test_a_server_that_others_can_reach_needs_a_token_or_consent() -> None:
    assert Settings(listen="0.0.0.0:50051").is_open is False
    assert Settings(listen="0.0.0.0:50051", allow_open=True).is_open is True
    assert Settings(listen="127.0.0.1:50051").is_open is True
    assert Settings(listen="127.0.0.1:50051", first_token_file="token").is_open is False
    assert Settings(listen="0.0.0.0:50051", token="a-secret-of-the-shop").has_reflection is False
    assert Settings(listen="0.0.0.0:50051", allow_open=True).is_loopback is False


def test_every_setting_is_settings_help() -> None:
    text = settings_help()

    assert all(f"{variable(setting)} = " in text for setting in fields(Settings))
    assert "FAIRLIFT_ALLOW_OPEN = no" in text
    assert "FAIRLIFT_TOKEN = unset" in text


def test_a_variable_named_almost_like_a_setting_is_a_slip() -> None:
    with pytest.raises(InvalidRequest, match="did you mean FAIRLIFT_DATABASE"):
        settings_from({"FAIRLIFT_DATABSE": "shop.db"})


def test_variables_of_other_programs_are_theirs() -> None:
    others = ("SERVER", "CA", "LANGUAGE", "DATA", "PORT", "SERVICE_HOST", "PORT_50051_TCP_ADDR")

    assert settings_from({f"FAIRLIFT_{name}": "x" for name in others}) == Settings()


def test_the_tokens_of_environments_are_of_the_command_line() -> None:
    """docs/campaigns.md: `token: FAIRLIFT_PRODUCTION_TOKEN` in fairlift.yaml."""
    tokens = {"FAIRLIFT_PRODUCTION_TOKEN": "x", "FAIRLIFT_STAGING_TOKEN": "y"}
    slips = {"FAIRLIFT_FIRST_TOKEN": "/x", "FAIRLIFT_STAGING_TOKN": "y"}

    assert unknown_variables(tokens) == []
    assert [line.split()[0] for line in unknown_variables({**tokens, **slips})] == sorted(slips)


def test_a_token_from_a_file_is_read_without_its_new_line() -> None:
    assert settings_from({"FAIRLIFT_TOKEN": "s3cret\n"}).token == "s3cret"


@pytest.mark.parametrize("listen", ["127.0.0.1:50051", "0.0.0.0:50051"])
@pytest.mark.parametrize("blank", ["\n", "  ", "\t\r\n"])
def test_an_empty_token_file_opens_no_door(listen: str, blank: str) -> None:
    environment = {
        "FAIRLIFT_LISTEN": listen,
        "FAIRLIFT_TOKEN": blank,
        "FAIRLIFT_ALLOW_OPEN": "yes",
    }
    with pytest.raises(InvalidRequest) as refused:
        settings_from(environment)

    (violation,) = refused.value.violations
    assert violation.field == "FAIRLIFT_TOKEN"
    assert "is blank, as from an empty file" in violation.message


def test_a_broken_token_is_named_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        settings_from({"FAIRLIFT_LISTEN": "0.0.0.0:1", "FAIRLIFT_TOKEN": "\n"})

    assert [violation.field for violation in refused.value.violations] == ["FAIRLIFT_TOKEN"]


@pytest.mark.parametrize(
    ("listen", "token", "rule"),
    [
        ("127.0.0.1:50051", "two words", "holds a blank"),
        ("127.0.0.1:50051", "se\u00f1al", "no header can carry"),
        ("0.0.0.0:50051", "a", "has 1 characters, must have at least 16"),
        ("0.0.0.0:50051", "fifteen-letters", "openssl rand -hex 32"),
    ],
)
def test_a_token_that_cannot_be_used_is_refused_and_never_shown(
    listen: str, token: str, rule: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Settings(listen=listen, token=token)

    assert rule in str(refused.value)
    assert repr(token) not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ADDRESS", "FAIRLIFT_LISTEN"),
        ("DB", "FAIRLIFT_DATABASE"),
        ("PARKED", "FAIRLIFT_PARKED_DAYS"),
        ("COLOUR", ""),
    ],
)
def test_a_variable_that_no_program_reads_is_told_with_the_nearest(name: str, meant: str) -> None:
    (line,) = unknown_variables({f"FAIRLIFT_{name}": "x", "PATH": "/bin"})

    assert line.startswith(f"FAIRLIFT_{name} is not a setting and is ignored; ")
    assert f"did you mean {meant}?" in line if meant else "fairlift-server --help" in line


def test_settings_and_variables_of_other_programs_are_no_mistake() -> None:
    known = {variable(setting): "x" for setting in fields(Settings)}
    others = ("SERVER", "CA", "LANGUAGE", "SERVICE_HOST", "PORT_50051_TCP_ADDR")
    kubernetes = {"FAIRLIFT_PORT": "tcp://10.0.0.1:50051"}

    assert (
        unknown_variables(known | {f"FAIRLIFT_{name}": "x" for name in others} | kubernetes) == []
    )


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50051"),
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("[::]:50051", "[::1]:50051"),
        ("[::1]:50051", "[::1]:50051"),
        ("shop.example:443", "shop.example:443"),
    ],
)
def test_commands_of_the_machine_reach_its_server(listen: str, address: str) -> None:
    settings = settings_from({"FAIRLIFT_LISTEN": listen, "FAIRLIFT_ALLOW_OPEN": "yes"})
    assert settings.own_address == address


def test_a_port_that_the_system_chooses_is_no_address() -> None:
    with pytest.raises(InvalidRequest, match="--server HOST:PORT"):
        _ = Settings(listen="127.0.0.1:0").own_address
