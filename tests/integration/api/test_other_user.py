"""Started as root, the service hands pictures to workers of another user, who can read nothing of it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving_house import ServingHouse, serving

from steadfast.runtime.sandbox import NOBODY, kept_from_others

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(scope="module")
def house() -> Iterator[ServingHouse]:
    if unread := kept_from_others([]):
        pytest.skip(f"capability: another user may not read {unread}")
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
        with serving(folder / "data", settings, spares=0) as running:
            yield running
    finally:
        shutil.rmtree(folder)


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
        assert _read_as_nobody(path) == "PermissionError", path


def _read_as_nobody(path: Path) -> str:
    code = (
        "import sys\ntry:\n open(sys.argv[1], 'rb').read(1); print('read')\n"
        "except OSError as e: print(type(e).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(path)],
        user=NOBODY[0],
        group=NOBODY[1],
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
