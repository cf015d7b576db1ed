"""Prometheus' own programs for tests: found, or the test is skipped; where CI promises them, it fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "prometheus" / "rules"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def program(name: str) -> str:
    """Its path."""
    found = shutil.which(name)
    if found is None:
        why = f"{name} is not installed (Debian: prometheus, prometheus-alertmanager, prometheus-pushgateway)"
        if os.environ.get("PROMETHEUS_REQUIRED"):
            pytest.fail(why)
        pytest.skip(why)
    return found


def told_by(*command: str | Path) -> str:
    """What a program says that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
