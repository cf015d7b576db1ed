"""The trial of the providers is a process of its own that says in plain data what came of it."""

import json
import subprocess
import sys

from steadfast.settings import InferenceSettings


def test_the_trial_starts_what_works_here_and_says_why_cuda_does_not() -> None:
    given = InferenceSettings(providers=("cuda", "cpu")).model_dump_json()
    command = [sys.executable, "-I", "-m", "steadfast.doctor.provider_probe"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert "cpu" in said["started"]
    assert bool(said["reason"]) is ("cuda" not in said["started"])
