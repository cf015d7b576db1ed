"""The compose files keep what they say: limits that match, secrets in files, nothing open without need."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from steadfast.settings import Settings, load_settings

COMPOSE: Final = Path(__file__).resolve().parents[2] / "deploy" / "compose"
PRODUCTION: Final = yaml.safe_load((COMPOSE / "compose.production.yml").read_text(encoding="utf-8"))
SINGLE: Final = yaml.safe_load((COMPOSE / "compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = PRODUCTION["services"] | SINGLE["services"]
OF_STEADFAST: Final = [name for name, service in SERVICES.items() if "steadfast:" in service["image"]]
WRITES_TO_ITS_ROOT: Final = {"dcgm-exporter": "its profiling library unpacks files beside itself"}
HAS_NO_CHECK: Final = {
    "migrate": "runs once",
    "s3-bucket": "runs once",
    "loki-folder": "runs once",
    "loki": "its image has no program to ask with; Prometheus asks it",
    "alloy": "its image has no program to ask with",
    "node-exporter": "says by itself whether it is up, to Prometheus",
    "cadvisor": "its image brings its own",
    "dcgm-exporter": "says by itself whether it is up, to Prometheus",
    "node": "the image of Steadfast brings its own",
    "node-gpu": "the image of Steadfast brings its own",
    "steadfast-1": "the image of Steadfast brings its own",
    "steadfast-2": "the image of Steadfast brings its own",
    "steadfast": "the image of Steadfast brings its own",
}


def filled(value: object) -> str:
    """With the defaults of variables that nobody has set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])  # type: ignore[index]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_limited_and_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert {"mem_limit", "cpus"} <= service.keys()
    assert service["logging"]["options"]["max-size"]
    assert service["cap_drop"] == ["ALL"]
    assert service.get("restart"), "what dies stays dead"
    assert service.get("read_only") or name in WRITES_TO_ITS_ROOT
    if name != "dcgm-exporter":
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_of_a_version(name: str) -> None:
    tag = filled(SERVICES[name]["image"]).rpartition(":")[2]
    assert tag not in ("", "latest")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_is_well_or_there_is_a_reason(name: str) -> None:
    assert ("test" in SERVICES[name].get("healthcheck", {})) != (name in HAS_NO_CHECK)


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_waits_for_is_there_and_can_become_well(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "runs once" not in HAS_NO_CHECK.get(other, "")
        else:
            assert HAS_NO_CHECK[other] == "runs once"
            assert SERVICES[other]["restart"] == "no"


def test_instances_start_after_what_they_stand_on_and_the_front_after_them() -> None:
    first = SERVICES["steadfast-1"]["depends_on"]
    assert {"migrate", "redis", "s3-bucket"} <= first.keys()
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["nginx"]["depends_on"].keys() == {"steadfast-1", "steadfast-2"}


@pytest.mark.parametrize("name", OF_STEADFAST)
def test_every_variable_is_a_setting_with_a_value_that_works(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("STEADFAST_")]:
        monkeypatch.delenv(variable)
    for variable, value in SERVICES[name].get("environment", {}).items():
        monkeypatch.setenv(variable, filled(value))
    settings = load_settings()
    grace_s = seconds(SERVICES[name].get("stop_grace_period", "0s"))
    assert grace_s > settings.server.grace_s + 5  # the guardian's own


@pytest.mark.parametrize("name", [name for name in OF_STEADFAST if name != "steadfast"])
def test_no_secret_stands_in_an_environment(name: str) -> None:
    service = SERVICES[name]
    files = [value for value in service["environment"].values() if str(value).startswith("/run/secrets/")]
    assert {Path(file).name for file in files} >= set(service["secrets"])
    for variable, value in service["environment"].items():
        assert not re.search(r"://[^/]*:[^/]*@", str(value)), variable
        is_secret = re.search(r"PASSWORD|SECRET|BROKER|REDIS|HASH_KEY|BOOTSTRAP", variable)
        assert not is_secret or variable.endswith("_FILE")


def test_the_limits_of_the_front_are_those_of_the_service() -> None:
    front, service = SERVICES["nginx"]["environment"], SERVICES["steadfast-1"]["environment"]
    pairs = {
        "MAX_REQUEST_BYTES": "STEADFAST_SERVER__MAX_REQUEST_BYTES",
        "MAX_UPLOAD_BYTES": "STEADFAST_UPLOADS__MAX_BYTES",
    }
    for ours, theirs in pairs.items():
        assert front[ours] == service[theirs]  # one variable for both
    defaults = Settings()
    assert filled(front["MAX_REQUEST_BYTES"]) == str(defaults.server.max_request_bytes)
    assert filled(front["MAX_UPLOAD_BYTES"]) == str(defaults.uploads.max_bytes)


def test_connections_are_closed_by_the_front_and_never_under_a_request() -> None:
    site = (COMPOSE.parent / "nginx" / "steadfast.conf.template").read_text(encoding="utf-8")
    kept = [int(kept_s) for kept_s in re.findall(r"^  keepalive_timeout (\d+)s;", site, re.MULTILINE)]
    assert len(kept) == 2
    assert max(kept) < Settings().server.keep_alive_s


def test_only_the_address_of_the_front_is_believed() -> None:
    address = SERVICES["nginx"]["networks"]["inside"]["ipv4_address"]
    assert SERVICES["steadfast-1"]["environment"]["STEADFAST_SERVER__TRUSTED_PROXIES"] == address


def test_others_reach_nothing_but_the_front() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"nginx", "steadfast"}
    assert filled(published["steadfast"][0]).startswith("127.0.0.1:")
    assert filled(published["nginx"][2]).startswith("127.0.0.1:")  # Grafana
    assert PRODUCTION["networks"]["inside"]["internal"] is True


def test_nobody_sees_a_dashboard_without_logging_in() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert {name for name in environment if name.endswith("__FILE")} == {
        "GF_SECURITY_ADMIN_PASSWORD__FILE",
        "GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET__FILE",
    }


def test_files_that_are_mounted_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = str(volume).partition(":")[0]
            assert not source.startswith(".") or (COMPOSE / source).exists(), source


def test_instances_of_the_front_are_services() -> None:
    lines = (COMPOSE / "front" / "instances.conf").read_text(encoding="utf-8").splitlines()
    named = [line.split()[1] for line in lines if line.startswith("server ")]
    assert named == ["steadfast-1:8080", "steadfast-2:8080"]


def test_secrets_are_made_once_and_nobody_else_may_look_into_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        told = subprocess.run(
            [COMPOSE / "up", "--secrets"],
            env=os.environ | {"SECRETS": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert "made" not in told.stdout
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name, secret in PRODUCTION["secrets"].items():
        assert secret["file"] == f"./secrets/{name}"
        is_optional = name in ("grafana_oauth_secret", "grafana_ldap_password")
        assert ((folder / name).stat().st_size > 0) != is_optional, name
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o444  # several users read it in containers
    redis = (folder / "redis_password").read_text().strip()
    assert f"requirepass {redis}\n" in (folder / "redis_config").read_text()
    assert (folder / "broker_url").read_text() == f"redis://:{redis}@redis:6379/0\n"
    assert len((folder / "api_key").read_text().strip()) >= 32


def test_data_sources_differ_from_the_others_only_in_where_they_are() -> None:
    def without_places(file: Path) -> list[dict[str, Any]]:
        sources = yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
        return [{name: value for name, value in source.items() if name != "url"} for source in sources]

    ours = COMPOSE / "grafana" / "datasources.yml"
    assert without_places(ours) == without_places(COMPOSE.parent / "grafana/provisioning/datasources.yml")


def test_prometheus_evaluates_the_same_rules_and_asks_at_least_the_same() -> None:
    ours, theirs = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (COMPOSE / "prometheus/prometheus.yml", COMPOSE.parent / "prometheus/prometheus.yml")
    )
    assert ours["rule_files"] == theirs["rule_files"]
    jobs = [{job["job_name"] for job in config["scrape_configs"]} for config in (ours, theirs)]
    assert jobs[0] >= jobs[1]
    assert "../prometheus/rules:/etc/prometheus/rules:ro" in SERVICES["prometheus"]["volumes"]
    assert any("retention.time" in part for part in SERVICES["prometheus"]["command"])
