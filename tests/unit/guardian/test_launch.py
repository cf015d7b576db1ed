"""A program becomes the guardian in place: same process, nothing of it left in memory."""

import json
import os
import subprocess
import sys

import pytest

from steadfast.guardian.launch import guardian_argv, works_here
from steadfast.guardian.options import GuardianOptions

BECOME = """
import sys, email, http.client
from steadfast.guardian.launch import become_guardian
from steadfast.guardian.options import GuardianOptions
become_guardian([sys.executable, "-c", "raise SystemExit(78)"], GuardianOptions(restarts=3))
"""


def test_the_guardian_runs_in_this_interpreter_and_trusts_no_file_of_the_current_folder() -> None:
    argv = guardian_argv(["server"], GuardianOptions())
    assert argv[:2] == [sys.executable, "-P"]
    assert argv[-2:] == ["--", "server"]


@pytest.mark.skipif(not works_here(), reason="guarded on Linux only")
def test_it_keeps_its_process_id_and_ends_with_the_servers_status() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BECOME], stderr=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        _, logged = process.communicate(timeout=60)
    events = [json.loads(line) for line in logged.splitlines()]
    assert events[0]["event"] == "guardian_started"
    assert events[0]["pid"] == process.pid
    assert process.returncode == 78
