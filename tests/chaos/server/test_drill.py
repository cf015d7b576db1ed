"""A real drill: private servers, real workers, real faults, and the verdicts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.installed_plugin import install

from steadfast.drill.registry import GROUP
from steadfast.errors import ExitCode

BROKEN_PROMISE = """
    import signal

    from steadfast.drill.fault import Expectation, Fault, Group
    from steadfast.drill.faults.workers import a_worker

    class BrokenPromise(Fault):
        name = "broken-promise"
        what = "A worker is killed, and an earthquake is expected."
        group = Group.WORKER

        async def inject(self, scene):
            await scene.house.signal((await a_worker(scene)).pid, signal.SIGKILL)

        def expect(self):
            return Expectation(signs=("incident:earthquake",), recover_within_s=5.0)
"""


def drill(*arguments: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "steadfast", "drill", "--json", "--engine", "embedded", "--rate", "1.5"]
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_faults_that_the_service_survives_hold_and_the_page_shows_them(tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    names = "worker-sigkill,hang-in-sleep,malformed-multipart,model-file-missing"
    status, told, said = drill("--only", names, "--seed", "5", "--report", str(page))
    verdicts = {fault["fault"]: fault["verdict"] for fault in told["faults"]}
    assert verdicts == {
        "worker-sigkill": "held",
        "hang-in-sleep": "held",
        "malformed-multipart": "held",
        "model-file-missing": "not run",  # the embedded engine has no files of its own
    }, (told, said)
    assert (status, told["held"], told["jobs_lost"]) == (0, True, [])
    assert "hang-in-sleep" in page.read_text(encoding="utf-8")


def test_an_expectation_that_does_not_hold_is_told_and_ends_the_command_with_a_failure(
    tmp_path: Path,
) -> None:
    install(
        tmp_path / "site",
        name="broken-faults",
        module="broken_faults",
        source=BROKEN_PROMISE,
        entry_points={GROUP: "broken = broken_faults:BrokenPromise"},
    )
    status, told, said = drill("--only", "broken-promise", PYTHONPATH=str(tmp_path / "site"))
    (fault,) = told["faults"]
    assert (status, fault["verdict"]) == (int(ExitCode.FAILED), "broken"), (told, said)
    assert "earthquake" in fault["why"][0]
    assert fault["failed"] == 0  # the service did what it should; the expectation was wrong
