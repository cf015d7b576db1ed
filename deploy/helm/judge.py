"""Fills the chart with every set of values and has it judged: by Helm, by Kubernetes' schemas, by KEDA's.

    .venv-deploy/bin/python deploy/helm/judge.py

Runs in the environment of `requirements/deploy.txt`, which has the real Helm as a library; the answer is JSON
on standard output, which `tests/integration/deploy/test_chart.py` looks into. `make deploy-check` runs both.
"""

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import yaml
from cloudcoil.models.keda import v1alpha1 as keda

CHART = Path(__file__).parent / "steadfast"
KUBERNETES = ("1.35.0", "1.36.0", "1.37.0")
"""The three versions that its makers support."""
CORE = ("apps/", "autoscaling/", "batch/", "networking.k8s.io/", "policy/", "scheduling.k8s.io/", "v1")


def judged(values: dict[str, Any]) -> dict[str, Any]:
    """What Helm makes of these values, and what is wrong with it."""
    with helm_python.Chart.load(CHART) as chart:
        rendered = chart.render(values, name="shop", namespace="prod")
    texts = {Path(path).name: text for path, text in rendered.items()}
    notes = texts.pop("NOTES.txt")
    objects = [one for text in texts.values() for one in yaml.safe_load_all(text) if one]
    lint = helm_python.lint(CHART, values, strict=True, kube_version=f"v{KUBERNETES[0]}")
    return {
        "lint": [message for message in lint["messages"] if message["severity"] > 1] + lint["errors"],
        "objects": objects,
        "notes": notes,
        "wrong": [*_wrong_for_kubernetes(objects), *_wrong_for_keda(objects)],
    }


def _wrong_for_kubernetes(objects: list[dict[str, Any]]) -> Iterator[str]:
    for one in objects:
        if not one["apiVersion"].startswith(CORE):
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{version} {one['kind']} {one['metadata']['name']}: {error.message}"


def _wrong_for_keda(objects: list[dict[str, Any]]) -> Iterator[str]:
    for one in objects:
        if one["kind"] == "ScaledObject":
            try:
                read = keda.ScaledObject.model_validate(one)
            except ValueError as error:
                yield f"{one['metadata']['name']}: {error}"
                continue
            # What it does not know it leaves out, and does not refuse.
            known = read.model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]
            if known != one["spec"]:
                yield f"{one['metadata']['name']}: something in {one['spec']} is unknown: {known}"


def refused(values: dict[str, Any]) -> str:
    """What the chart says against these values; empty: it takes them."""
    with helm_python.Chart.load(CHART) as chart:
        try:
            chart.validate_schema(values)
            chart.render(values, name="shop", namespace="prod")
        except helm_python.HelmError as error:
            return str(error)
    return ""


def main() -> None:
    """Judges the defaults and every set in ci/; sets on standard input (a list in JSON) are only tried."""
    sets = {"defaults": {}} | {
        file.name.removesuffix("-values.yaml"): yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in sorted((CHART / "ci").glob("*-values.yaml"))
    }
    asked = "" if sys.stdin.isatty() else sys.stdin.read()
    tried = json.loads(asked) if asked.strip() else []
    answer = {
        "helm": helm_python.helm_sdk_version(),
        "sets": {name: judged(values) for name, values in sets.items()},
        "refused": [refused(values) for values in tried],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
