"""Helm and the schemas of Kubernetes and compose files, in an environment of their own: `make deploy-check`.

`DEPLOY_TOOLS_REQUIRED` turns a skip into a failure, as that target and CI do; `POLICY_TOOLS_REQUIRED` does so
for checkov, which only that target has.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
_FOLDER = ROOT / ".venv-deploy" / "bin"


def tool(name: str) -> str:
    """Its path; skips the test, visibly, where it is not installed."""
    path = Path(os.environ.get("DEPLOY_TOOLS", _FOLDER)) / name
    if not path.exists():
        why = f"{name} of requirements/deploy.txt is not installed (`make deploy-tools`)"
        if os.environ.get("DEPLOY_TOOLS_REQUIRED"):
            pytest.fail(why)
        pytest.skip(why)
    return str(path)


def scanner() -> str:
    """checkov; skips the test, visibly, where it is not installed."""
    path = ROOT / ".venv-policy" / "bin" / "checkov"
    if not path.exists():
        why = "checkov of requirements/policy.txt is not installed (`make policy-tools`)"
        if os.environ.get("POLICY_TOOLS_REQUIRED"):
            pytest.fail(why)
        pytest.skip(why)
    return str(path)


@cache
def _judged(tried: str) -> dict[str, Any]:
    command = [tool("python"), str(ROOT / "deploy" / "helm" / "judge.py")]
    done = subprocess.run(command, input=tried, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def judged_chart(tried: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """What `deploy/helm/judge.py` says of the chart with its sets of values, and against those tried."""
    return _judged(json.dumps(list(tried)))
