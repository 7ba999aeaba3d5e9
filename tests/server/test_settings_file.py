"""Settings in a TOML file, and what a running server takes over from them."""

import subprocess
import sys
from pathlib import Path

import pytest
from fairlift.engine.errors import InvalidRequest
from fairlift_server.settings_file import read_settings

CERTIFICATES = Path(__file__).parents[1] / "client" / "certificates"


def written(folder: Path, text: str) -> dict[str, str]:
    path = folder / "server.toml"
    path.write_text(text)
    return {"FAIRLIFT_CONFIG": str(path)}


def refused(environment: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        read_settings(environment)
    folder = Path(environment["FAIRLIFT_CONFIG"]).parent
    return [str(each).replace(f"{folder}/", "") for each in caught.value.violations]


def test_a_file_gives_settings_and_variables_win(tmp_path: Path) -> None:
    environment = written(
        tmp_path, 'listen = "127.0.0.1:7000"\nhistory_days = 10\nraw_ids = true\ndrain_s = 2.5\n'
    )
    settings = read_settings({**environment, "FAIRLIFT_LISTEN": "127.0.0.1:8000"})
    assert settings.listen == "127.0.0.1:8000"
    assert (settings.history_days, settings.raw_ids, settings.drain_s) == (10, True, 2.5)


def test_without_a_file_there_are_variables_alone() -> None:
    assert read_settings({"FAIRLIFT_HISTORY_DAYS": "12"}).history_days == 12


def test_mistakes_in_the_file_have_their_line(tmp_path: Path) -> None:
    environment = written(
        tmp_path, '# a shop\nlisten = "127.0.0.1:7000"\nhistory_days = 0\nlog_level = "loud"\n'
    )
    assert refused(environment) == [
        "server.toml:3: history_days: is 0, must be 1 to 36,500",
        "server.toml:4: log_level: is 'loud', must be debug, info, warning or error",
    ]
    # What a variable gives is the variable's mistake.
    assert refused({**environment, "FAIRLIFT_HISTORY_DAYS": "-1"})[0].startswith(
        "FAIRLIFT_HISTORY_DAYS: is -1"
    )


def test_what_is_no_setting_is_named_with_a_way_out(tmp_path: Path) -> None:
    text = 'databse = "a.db"\nxyzzy = 1\ncurrency = ["EUR"]\n[tls]\nkey = "a"\n'
    assert refused(written(tmp_path, text)) == [
        "server.toml:1: databse: is not a setting; did you mean database?",
        "server.toml:2: xyzzy: is not a setting; see fairlift-server --help",
        "server.toml:3: currency: is a list, must be a text, a number, true or false",
        "server.toml:4: tls: is not a setting; did you mean tls_key?",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"listen = ", "server.toml: is not TOML: Invalid value (at end of document)"),
        (b'listen = "\xff"', "server.toml: is not UTF-8; write it as UTF-8"),
        (None, "server.toml: cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "server.toml"
    if content is not None:
        path.write_bytes(content)
    assert refused({"FAIRLIFT_CONFIG": str(path)}) == [expected]


def checked(folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    path = written(folder, text)["FAIRLIFT_CONFIG"]
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "--config", path, "check-config"],
        env={},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_config_prints_what_is_set_and_no_secret(tmp_path: Path) -> None:
    run = checked(
        tmp_path,
        'database = "postgresql://shop:planted-secret@db/fairlift"\n'
        f'token = "planted-secret-token"\nid_key = "{"5a" * 32}"\nhttp = "127.0.0.1:9464"\n',
    )
    assert run.returncode == 0, run.stderr
    assert "FAIRLIFT_HTTP = 127.0.0.1:9464" in run.stdout
    assert "FAIRLIFT_TOKEN = (set)" in run.stdout
    assert "planted-secret" not in run.stdout + run.stderr
    assert "5a5a" not in run.stdout + run.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "server.toml"]  # nothing was started


def test_check_config_refuses_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    run = checked(tmp_path, 'tls_certificate = "a.pem"\ntls_key = "a.pem"\n')
    assert run.returncode == 1
    assert "FAIRLIFT_TLS_CERTIFICATE and FAIRLIFT_TLS_KEY cannot be used" in run.stderr


def test_check_config_doubts_what_others_may_read(tmp_path: Path) -> None:
    key = tmp_path / "id-key"
    key.write_text("5a" * 32)
    key.chmod(0o644)
    text = f'listen = "0.0.0.0:50051"\nid_key_file = "{key}"\n'

    doubtful = checked(tmp_path, text)
    key.chmod(0o600)
    careful = checked(tmp_path, text.replace("0.0.0.0", "127.0.0.1"))

    assert doubtful.returncode == careful.returncode == 0
    assert "doubt: calls from other machines are not encrypted" in doubtful.stdout
    assert f"doubt: every user of this machine can read {key}" in doubtful.stdout
    assert "doubt: " not in careful.stdout


def test_check_config_doubts_what_other_machines_may_do_and_a_certificate_that_has_ended(
    tmp_path: Path,
) -> None:
    careful = (
        f'listen = "0.0.0.0:50051"\ntls_key = "{CERTIFICATES}/localhost.key"\n'
        f'tls_certificate = "{CERTIFICATES}/localhost.pem"\nhttp = "127.0.0.1:9464"\n'
    )
    careless = (
        careful.replace("localhost.pem", "ended.pem").replace("127.0.0.1", "0.0.0.0")
        + "allow_open = true\n"
    )

    doubts = [
        [line for line in checked(tmp_path, text).stdout.splitlines() if "doubt" in line]
        for text in (careful, careless)
    ]

    assert [line for line in doubts[0] if "every user" not in line] == []
    open_line, http_line, ended_line, *_ = doubts[1]
    assert "other machines need no token" in open_line
    assert "FAIRLIFT_HTTP" in http_line
    assert f"{CERTIFICATES}/ended.pem has ended" in ended_line


@pytest.mark.parametrize("setting", ["database", "journal"])
def test_check_config_refuses_a_file_in_a_folder_that_is_not_there(
    tmp_path: Path, setting: str
) -> None:
    run = checked(tmp_path, f'{setting} = "none/shop"\n')

    assert run.returncode == 1
    assert f"FAIRLIFT_{setting.upper()} is none/shop, but there is no folder" in run.stderr
    assert "can be used" not in run.stdout
