"""Started as root, the service hands pictures to workers of another user, who can read nothing of it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving_house import ServingHouse, serving

from steadfast.runtime.sandbox import NOBODY, kept_from_others


@pytest.fixture(scope="module")
def house() -> Iterator[ServingHouse]:
    if os.geteuid() != 0:
        if os.environ.get("OTHER_USER_REQUIRED"):
            pytest.fail("OTHER_USER_REQUIRED is set, and only root can become another user")
        pytest.skip("capability: only root can become another user")
    # Not below pytest's own folder, which is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="steadfast-test-"))
    folder.chmod(0o755)
    settings = {
        "STEADFAST_FACES__ENGINE": "embedded",
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
        "STEADFAST_SERVER__BUFFER_BYTES": "1000",  # so bodies lie on the disk
    }
    try:
        python = _python_for_everybody(folder)
        with serving(folder / "data", settings, spares=0, python=python) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def _python_for_everybody(folder: Path) -> Path:
    """This interpreter with its packages, below a folder that everybody may enter: ours may lie in a home.

    Files are linked where that is possible, so nothing of its gigabyte is copied.
    """
    if kept_from_others([]) is None:
        return Path(sys.executable)
    base, own = folder / "python", folder / "environment"
    shutil.copytree(sys.base_prefix, base, symlinks=True, copy_function=_link)
    (own / "bin").mkdir(parents=True)
    (own / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\n")
    python = own / "bin" / "python"
    python.symlink_to(base / "bin" / Path(sys.executable).resolve().name)
    packages = Path(sysconfig.get_path("purelib"))
    inside = own / packages.relative_to(sys.prefix)
    inside.parent.mkdir(parents=True)
    inside.symlink_to(packages)
    return python


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target)


def test_a_worker_of_another_user_loads_its_models_and_reads_bodies_on_the_disk(
    house: ServingHouse, collins_path: Path, hopper_path: Path
) -> None:
    (worker,) = house.workers()
    assert worker.uids() == (NOBODY[0],) * 3
    assert worker.gids() == (NOBODY[1],) * 3
    pictures = {"source": collins_path.read_bytes(), "target": hopper_path.read_bytes()}
    answer = house.client.post("/v1/swap", files=pictures)
    assert answer.status_code == 200, answer.text


def test_its_scratch_folder_is_its_own(house: ServingHouse) -> None:
    scratch = house.data_dir / "scratch" / "workers"
    assert scratch.stat().st_uid == NOBODY[0]


def test_that_user_reads_neither_the_memory_of_the_server_nor_its_environment_nor_its_keys(
    house: ServingHouse,
) -> None:
    server = Path(f"/proc/{house.server.pid}")
    kept = (house.data_dir / "steadfast.db", house.data_dir / "control.sock")
    for path in (server / "mem", server / "environ", *kept):
        assert path.exists()
        assert "Permission denied" in _read_as_nobody(path), path


def _read_as_nobody(path: Path) -> str:
    """What a program of the system is told: our own interpreter may be closed to that user."""
    done = subprocess.run(
        ["head", "-c", "1", str(path)],
        env=os.environ | {"LC_ALL": "C"},
        user=NOBODY[0],
        group=NOBODY[1],
        extra_groups=[],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stderr if done.returncode else "read"
