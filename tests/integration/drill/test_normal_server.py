"""A server that nobody has told to be drilled has no path to the hooks: none is loaded, named or served."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serving_house import FAULTY, serving

from steadfast.assembly.drilling import drilled
from steadfast.assembly.staffing import entail_employment, face_employment
from steadfast.errors import ConfigError
from steadfast.settings import DrillSettings, RuntimeSettings, Settings

START = """
import asyncio, json, os, sys
from steadfast.assembly.service import Service
from steadfast.settings import Settings

async def main():
    service = Service(Settings(server={"port": 0}))
    await service.start()
    print(json.dumps(sorted(name for name in sys.modules if name.startswith("steadfast"))), flush=True)
    os._exit(0)  # its workers end with it

asyncio.run(main())
"""
TASKS = """
import json, sys
import steadfast.tasks.face_task, steadfast.tasks.visual_entailment, steadfast.runtime.worker
print(json.dumps(sorted(name for name in sys.modules if name.startswith("steadfast"))))
"""


def modules_after(program: str, folder: Path, **settings: str) -> list[str]:
    environment = {**FAULTY, "STEADFAST_DATA_DIR": str(folder), "PATH": "/usr/bin:/bin", **settings}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


def test_no_module_of_a_drill_is_loaded_by_a_server_that_serves(tmp_path: Path) -> None:
    modules = modules_after(START, tmp_path, STEADFAST_ENTAILMENT__ENABLED="false")
    assert "steadfast.assembly.service" in modules
    assert [name for name in modules if name.startswith("steadfast.drill")] == []


def test_no_module_of_a_drill_is_loaded_by_what_workers_import(tmp_path: Path) -> None:
    modules = modules_after(TASKS, tmp_path)
    assert "steadfast.tasks.face_task" in modules
    assert [name for name in modules if "drill" in name] == []


def test_the_route_of_a_drill_is_not_there(tmp_path: Path) -> None:
    with serving(tmp_path, FAULTY) as house:
        for answer in (house.client.get("/v1/drill"), house.client.post("/v1/drill", json={"lift": "*"})):
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")


def test_workers_are_told_of_no_orders_unless_it_is_enabled(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert not settings.drill.enabled
    for employment in drilled(settings, [face_employment(settings), entail_employment(settings)]):
        assert "drill" not in employment.spec.path
        assert not [key for key in employment.spec.config if "drill" in key]
        assert not [path for path in employment.options.worker.confinement.readable if "drill" in str(path)]
    assert not (tmp_path / "drill").exists()


def test_with_it_enabled_the_same_workers_obey(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, drill=DrillSettings(enabled=True))
    faces, questions = drilled(settings, [face_employment(settings), entail_employment(settings)])
    assert faces.spec.path == "steadfast.drill.hooks.tasks:DrilledFaceTask"
    assert questions.spec.path == "steadfast.drill.hooks.tasks:DrilledEntailmentTask"
    assert tmp_path / "drill" in faces.options.worker.confinement.readable


def test_a_task_of_ones_own_cannot_be_drilled_and_the_start_says_so(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, drill=DrillSettings(enabled=True), runtime=RuntimeSettings(face_task="my:Task")
    )
    with pytest.raises(ConfigError, match="cannot be drilled"):
        drilled(settings, [face_employment(settings)])
