"""The files for operators name figures and alerts that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from fairlift_server.monitoring.metrics import ServerMetrics
from fairlift_server.setting_variables import unknown_variables
from fairlift_server.settings import Settings

DEPLOY = Path("deploy")
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
# Set by the process itself, or by Prometheus.
OF_OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
# Those that `monitoring_hooks` adds to a running server; see tests/server/test_monitoring.py.
ADDED = {
    "fairlift_certificate_end_seconds",
    "fairlift_ready",
    "fairlift_campaigns",
    "fairlift_longest_wait_seconds",
    "fairlift_waiting_events",
    "fairlift_journal_age_seconds",
    "fairlift_journal_events",
}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def known_figures() -> set[str]:
    metrics = ServerMetrics()
    metrics.call("m", "OK", 0.1)
    metrics.refused("assign", "UNAUTHENTICATED")
    metrics.stream("m", 1)
    metrics.events([("order", "accepted")])
    metrics.commit(1, 0.1, failed=False)
    metrics.analysis("looks", 0.1, False)
    metrics.lag(0.1)
    return set(re.findall(r"^([a-z_]+)", metrics.text().decode(), re.MULTILINE)) | ADDED


def named_figures(query: str) -> set[str]:
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|offset \w+", "", query)
    bare = re.sub(r"\b(by|ignoring|group_left|on) *\([^)]*\)", "", bare)
    words = set(re.findall(r"\b[a-z_]{2,}\b(?! *\()", bare))
    return words - {"and", "or", "unless", "ignoring", "group_left", "by"}


def test_queries_name_figures_that_there_are() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "fairlift.json").read_text())
    queries = [rule["expr"] for rule in alerts()]
    queries += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = set[str]().union(*map(named_figures, queries))
    assert "fairlift_call_seconds_bucket" in named
    assert named - OF_OTHERS <= known_figures()


def test_the_runbook_has_every_alert_and_no_other() -> None:
    pages = Path("docs/operating.md").read_text()
    described = re.findall(r"^\| `(Fairlift\w+)` \|", pages, re.MULTILINE)
    assert described == [rule["alert"] for rule in alerts()]


def test_alert_rules_do_as_they_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: alert rules are not run (apt install prometheus)")
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        run = subprocess.run(
            [promtool, *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_settings_in_the_files_are_settings() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    text = "\n".join(path.read_text() for path in files)
    names = set(re.findall(r"\bFAIRLIFT_[A-Z_]+\b", text))
    assert {"FAIRLIFT_HTTP", "FAIRLIFT_JOURNAL"} <= names
    assert unknown_variables(dict.fromkeys(names - {"FAIRLIFT_COMPILE"}, "x")) == []


def test_there_is_time_to_drain() -> None:
    """What kills a server that drains gives it longer than its own settings do."""
    settings = Settings()
    manifest = next(yaml.safe_load_all((DEPLOY / "kubernetes" / "fairlift.yaml").read_text()))
    pod = manifest["spec"]["template"]["spec"]
    [delay] = [
        float(variable["value"])
        for variable in pod["containers"][0]["env"]
        if variable["name"] == "FAIRLIFT_DRAIN_DELAY_S"
    ]
    assert pod["terminationGracePeriodSeconds"] >= delay + 2 * settings.drain_s
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "fairlift.service").read_text(), re.M)
    assert int(stop) >= settings.drain_delay_s + 2 * settings.drain_s


def test_the_unit_is_as_hardened_as_the_docs_say() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit's hardening is not measured")
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", str(DEPLOY / "fairlift.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "Unknown" in run.stderr or "unrecognized" in run.stderr:
        pytest.skip("this systemd-analyze reads no files")
    [level] = re.findall(r"exposure level for fairlift.service: ([\d.]+)", run.stdout)
    assert float(level) <= 1.4
    for page in ("operating.md", "production.md"):
        assert "1.4 OK" in Path("docs", page).read_text()


def manifests() -> dict[str, dict[str, Any]]:
    """What stands in the file for Kubernetes, by kind; of two services the first."""
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "fairlift.yaml").read_text()))
    return {each["kind"]: each for each in reversed(documents)}


def test_pods_may_do_nothing_that_a_server_does_not_need() -> None:
    """The Pod Security Standard "restricted", a root that cannot be written, and bounded memory."""
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        # What is written has a place: the journal and the list of erased visitors, and /tmp.
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for variable in container["env"]:
            if variable.get("value", "").startswith("/"):
                assert any(variable["value"].startswith(f"{mount}/") for mount in mounts), variable


def test_pods_are_asked_whether_they_live_and_are_ready() -> None:
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    [server] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    paths = {
        kind: server[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert {server[f"{kind}Probe"]["httpGet"]["port"] for kind in paths} <= ports.keys()
    # Readiness is seen as lost before the server stops to take calls.
    [delay] = [v["value"] for v in server["env"] if v["name"] == "FAIRLIFT_DRAIN_DELAY_S"]
    probe = server["readinessProbe"]
    assert float(delay) > probe["periodSeconds"] * probe["failureThreshold"]


def test_a_disruption_takes_one_of_several_servers() -> None:
    every = manifests()
    labels = every["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    budget = every["PodDisruptionBudget"]["spec"]
    assert budget["maxUnavailable"] == 1 < every["StatefulSet"]["spec"]["replicas"]
    for selector in (budget["selector"]["matchLabels"], every["Service"]["spec"]["selector"]):
        assert selector.items() <= labels.items()


def test_the_container_of_the_compose_file_may_do_no_more() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    server = services["fairlift"]
    assert server["read_only"] is True
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in server
    # Only this machine reaches the ports, until a certificate is there.
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    for service in services.values():
        assert "healthcheck" in service


def test_the_image_runs_as_a_user_who_is_not_root() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    assert users == [str(pod["securityContext"]["runAsUser"])]
    assert lines.index(f"USER {users[0]}") > max(
        index for index, line in enumerate(lines) if line.startswith(("RUN", "COPY"))
    )


def test_every_image_has_a_version() -> None:
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    images = re.findall(r"^ *image: (\S+)$|^FROM (\S+)", "\n".join(texts), re.MULTILINE)
    named = [image or base for image, base in images]
    assert {"postgres:18", "python:3.13-slim"} <= set(named)
    for image in named:
        assert re.fullmatch(r"[a-z./-]+:\d[\w.-]*", image), image
