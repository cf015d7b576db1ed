"""The chart, filled by the real Helm: what Kubernetes takes, what no pod may do, what we say of it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy_tools import ROOT, judged_chart, tool
from tests.prometheus_tools import RULES, program, told_by

from steadfast.settings import load_settings

SETS = ("defaults", "front-and-nodes", "gateway", "production", "single")
SECRET = {"secret": {"name": "db", "key": "url"}}
REFUSED: dict[str, dict[str, Any]] = {
    "Several servers need one PostgreSQL": {"api": {"replicas": 2}},
    "Several servers need one store of files": {"database": SECRET},
    "nobody does the work": {"api": {"role": "api"}},
    "models.existingClaim": {"models": {"from": "claim"}},
    "replica": {"api": {"replica": 2}},  # a name that is none
    "digest": {"image": {"digest": "latest"}},
    "port": {"settings": {"server": {"port": 9000}}},  # the chart's own
}
OF_A_POD = {
    "startupProbe": "/health/live",
    "livenessProbe": "/health/live",
    "readinessProbe": "/health/ready",
}


@pytest.fixture(scope="module")
def judged() -> dict[str, Any]:
    """The answer of Helm and of the schemas to every set of values, and to those that must be refused."""
    return judged_chart(list(REFUSED.values()))


@pytest.fixture(params=SETS)
def objects(judged: dict[str, Any], request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = judged["sets"][request.param]["objects"]
    return found


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] in kinds]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in of_kind(objects, "Deployment", "Job"):
        yield one["metadata"]["name"], one["spec"]["template"]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


# --- what others say of it


def test_every_set_of_values_is_judged(judged: dict[str, Any]) -> None:
    assert tuple(sorted(judged["sets"])) == SETS
    assert judged["helm"].startswith("v4")


@pytest.mark.parametrize("name", SETS)
def test_helm_kubernetes_and_keda_find_nothing_wrong(judged: dict[str, Any], name: str) -> None:
    assert judged["sets"][name]["lint"] == []
    assert judged["sets"][name]["wrong"] == []


@pytest.mark.parametrize(("why", "said"), [(why, number) for number, why in enumerate(REFUSED)])
def test_values_that_would_lose_work_are_refused_with_the_reason(
    judged: dict[str, Any], why: str, said: int
) -> None:
    assert why in judged["refused"][said]


def test_between_them_the_sets_make_every_kind_of_object(judged: dict[str, Any]) -> None:
    made = {one["kind"] for judgement in judged["sets"].values() for one in judgement["objects"]}
    workloads = {"Deployment", "Job", "HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget"}
    network = {"Service", "Ingress", "HTTPRoute", "NetworkPolicy"}
    rest = {"ConfigMap", "ServiceAccount", "PersistentVolumeClaim", "PriorityClass"}
    assert made == workloads | network | rest | {"ServiceMonitor", "PrometheusRule"}  # and no Secret


# --- what no pod may do


def test_pods_are_nobody_and_can_change_nothing(objects: list[dict[str, Any]]) -> None:
    for name, template in pods(objects):
        spec, whole = template["spec"], template["spec"]["securityContext"]
        assert (whole["runAsNonRoot"], whole["runAsUser"], whole["fsGroup"]) == (True, 10001, 10001), name
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
            assert own["runAsNonRoot"] is True
            assert own.keys().isdisjoint({"privileged", "procMount", "runAsUser", "seccompProfile"})
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
            assert not re.search(r":latest$|:$", container["image"])
            for mount in container["volumeMounts"]:
                assert mount.get("readOnly") or mount["mountPath"] in ("/data", "/tmp", "/models", "/blobs")


def test_volumes_on_a_machine_have_a_bound_and_none_is_of_the_machine(objects: list[dict[str, Any]]) -> None:
    for name, template in pods(objects):
        for volume in template["spec"]["volumes"]:
            assert "hostPath" not in volume, name
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


def test_kubernetes_sets_no_variable_that_would_be_taken_for_a_setting(objects: list[dict[str, Any]]) -> None:
    for name, template in pods(objects):
        assert template["spec"]["enableServiceLinks"] is False, name  # STEADFAST_PORT=tcp://… ends a start


def test_no_secret_stands_in_an_environment(objects: list[dict[str, Any]]) -> None:
    for name, template in pods(objects):
        for container in template["spec"]["containers"] + template["spec"].get("initContainers", []):
            for variable in container.get("env", []):
                assert "secretKeyRef" not in variable.get("valueFrom", {}), name
                secret = re.search(r"PASSWORD|SECRET|BROKER|REDIS|DATABASE__URL|BOOTSTRAP", variable["name"])
                assert not secret or variable["name"].endswith("_FILE")


# --- whether they live and die well


def test_liveness_asks_the_process_and_readiness_the_models(objects: list[dict[str, Any]]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert {probe: container[probe]["httpGet"]["path"] for probe in OF_A_POD} == OF_A_POD


def test_a_pod_has_the_time_that_it_needs_to_go(
    objects: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace_s = settings_of(objects, tmp_path, monkeypatch).server.grace_s
    for deployment in of_kind(objects, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        sleep_s = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] >= sleep_s + grace_s + 5  # the guardian's


def test_two_pods_never_share_a_sqlite_file(objects: list[dict[str, Any]]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        if any("-data" in str(volume.get("persistentVolumeClaim", "")) for volume in volumes):
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}
            assert deployment["spec"]["replicas"] == 1


def test_pods_of_a_kind_stand_apart(objects: list[dict[str, Any]]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        spreads = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        keys = {spread["topologyKey"] for spread in spreads}
        assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_a_pod_that_needs_less_than_it_may_take_is_not_the_first_to_be_killed(
    objects: list[dict[str, Any]],
) -> None:
    for deployment in of_kind(objects, "Deployment"):  # a server sizes itself by its limit, and uses it
        resources = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_what_is_selected_is_there(objects: list[dict[str, Any]]) -> None:
    labels = [template["metadata"]["labels"] for _, template in pods(objects)]
    for one in of_kind(objects, "PodDisruptionBudget", "NetworkPolicy"):
        selector = one["spec"].get("selector", one["spec"].get("podSelector"))["matchLabels"]
        assert any(selects(selector, of_pod) for of_pod in labels), one["metadata"]["name"]
    for service in of_kind(objects, "Service"):
        assert any(selects(service["spec"]["selector"], of_pod) for of_pod in labels)
    for deployment in of_kind(objects, "Deployment"):
        template = deployment["spec"]["template"]
        assert selects(deployment["spec"]["selector"]["matchLabels"], template["metadata"]["labels"])
        for spread in template["spec"]["topologySpreadConstraints"]:
            assert selects(spread["labelSelector"]["matchLabels"], template["metadata"]["labels"])
    names = {deployment["metadata"]["name"] for deployment in of_kind(objects, "Deployment")}
    assert names == {budget["metadata"]["name"] for budget in of_kind(objects, "PodDisruptionBudget")}
    for scaler in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in names
        scaled = next(
            d for d in of_kind(objects, "Deployment") if d["metadata"]["name"] == scaler["metadata"]["name"]
        )
        assert "replicas" not in scaled["spec"]  # an upgrade would undo what the scaler did


def test_every_pod_is_denied_what_is_not_named_and_may_ask_for_names(objects: list[dict[str, Any]]) -> None:
    (policy,) = of_kind(objects, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for _, template in pods(objects):
        assert selects(policy["spec"]["podSelector"]["matchLabels"], template["metadata"]["labels"])
    assert all(rule["from"] for rule in policy["spec"]["ingress"])  # nothing is open to everybody
    assert policy["spec"]["egress"][0]["to"]
    dns = policy["spec"]["egress"][0]["ports"]
    assert {(port["port"], port["protocol"]) for port in dns} == {(53, "UDP"), (53, "TCP")}
    assert all(rule["ports"] for rule in policy["spec"]["egress"])  # nothing is open at every port


def test_the_schema_is_brought_forward_before_anything_else(judged: dict[str, Any]) -> None:
    (job,) = of_kind(judged["sets"]["production"]["objects"], "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["args"] == ["db", "upgrade"]
    used = json.dumps(spec["volumes"])
    assert "configMap" not in used  # of this chart nothing exists yet
    assert "serviceAccountName" not in spec


# --- what Steadfast says of it


def settings_of(objects: list[dict[str, Any]], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a pod of these objects starts with, read by Steadfast itself."""
    for variable in [variable for variable in os.environ if variable.startswith("STEADFAST_")]:
        monkeypatch.delenv(variable)
    config = next(one for one in of_kind(objects, "ConfigMap") if "config.toml" in one["data"])
    (folder / "config.toml").write_text(config["data"]["config.toml"], encoding="utf-8")
    for deployment in of_kind(objects, "Deployment"):
        for variable in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
            monkeypatch.setenv(variable["name"], variable.get("value", "a-pod"))
    return load_settings(folder / "config.toml")


def test_a_pod_starts_with_settings_that_work(
    objects: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(objects, tmp_path, monkeypatch)
    assert settings.server.require_keys == "always"
    is_shared = settings.database.url_file is not None
    assert is_shared == (settings.blobs.url is not None)
    assert is_shared == any(
        one["spec"]["strategy"]["type"] != "Recreate" for one in of_kind(objects, "Deployment")
    )


def test_what_the_user_sets_reaches_the_pod(
    judged: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(judged["sets"]["production"]["objects"], tmp_path, monkeypatch)
    assert settings.server.max_request_bytes == 512 << 20
    assert (settings.blobs.url, settings.blobs.region) == ("s3://steadfast/files", "eu-central-1")


def test_every_secret_file_that_is_named_is_mounted(objects: list[dict[str, Any]]) -> None:
    for name, template in pods(objects):
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        sources = volumes["secrets"].get("projected", {}).get("sources") or [volumes["secrets"]]
        items = [
            item
            for source in sources
            for item in source.get("secret", {}).get("items", source.get("items", []))
        ]
        mounted = {f"/run/secrets/steadfast/{item['path']}" for item in items}
        env = template["spec"]["containers"][0]["env"]
        assert {one["value"] for one in env if one["name"].endswith("_FILE")} == mounted, name


# --- rules and dashboards


def test_the_rules_are_those_of_the_project_and_promtool_takes_them(
    judged: dict[str, Any], tmp_path: Path
) -> None:
    found = of_kind(judged["sets"]["production"]["objects"], "PrometheusRule")
    assert len(found) == len(list(RULES.glob("*.yml")))
    for rule in found:
        name = rule["metadata"]["name"].removeprefix("shop-steadfast-")
        ours = (RULES / f"{name}.yml").read_text(encoding="utf-8")
        mine = ours.replace("https://steadfast.example.com/docs", "https://wiki.example.com/steadfast")
        assert rule["spec"] == yaml.safe_load(mine)
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    told_by(program("promtool"), "check", "rules", *sorted(tmp_path.glob("*.yml")))


def test_the_dashboards_are_those_of_the_project(judged: dict[str, Any]) -> None:
    boards = [
        one
        for one in of_kind(judged["sets"]["production"]["objects"], "ConfigMap")
        if "-board" in one["metadata"]["name"]
    ]
    ours = {
        file.name: json.loads(file.read_text(encoding="utf-8"))
        for file in (RULES.parents[1] / "grafana/dashboards").glob("*.json")
    }
    theirs = {name: json.loads(text) for board in boards for name, text in board["data"].items()}
    assert theirs == ours
    assert all(board["metadata"]["labels"]["grafana_dashboard"] == "1" for board in boards)


def test_notes_help_with_what_was_chosen(judged: dict[str, Any]) -> None:
    notes = {name: judgement["notes"] for name, judgement in judged["sets"].items()}
    assert "https://steadfast.example.com/v1/swap" in notes["production"]
    assert "port-forward service/shop-steadfast" in notes["defaults"]
    assert "one pod with its database in a volume" in notes["defaults"]
    assert "one pod with its database in a volume" not in notes["production"]


# --- compose


def test_prometheus_takes_the_configuration_of_the_compose_file_with_the_rules(tmp_path: Path) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    shutil.copy(ROOT / "deploy/compose/prometheus/prometheus.yml", tmp_path)
    told_by(program("promtool"), "check", "config", tmp_path / "prometheus.yml")


def test_compose_files_are_what_compose_reads() -> None:
    files = [ROOT / "deploy/compose" / name for name in ("compose.yml", "compose.production.yml")]
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
