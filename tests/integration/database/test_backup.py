"""Dump, wipe, restore: jobs that had ended are there with their results, and those that had not go on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.databases import postgresql_program, postgresql_server
from tests.serving_house import ServingHouse, serving

SETTINGS = {
    "STEADFAST_FACES__ENGINE": "embedded",
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_RUNTIME__SPARES": "0",
    "STEADFAST_SERVER__REQUIRE_KEYS": "always",
    "STEADFAST_HEALTH__ENABLED": "false",
}
_WITHIN_S = 180.0


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a database is dumped, wiped and brought back."""

    settings: dict[str, str]
    dump: Callable[[Path, Path], None]
    """From this data folder into that backup."""
    wipe: Callable[[], None]
    restore: Callable[[Path, Path], None]
    """From this backup into that data folder."""


def sqlite_way() -> Way:
    def dump(data: Path, backup: Path) -> None:
        command = [sys.executable, "-m", "steadfast", "db", "backup", str(backup / "steadfast.db")]
        subprocess.run(command, env=os.environ | {"STEADFAST_DATA_DIR": str(data)}, check=True)

    def restore(backup: Path, data: Path) -> None:
        shutil.copy2(backup / "steadfast.db", data)

    return Way(settings={}, dump=dump, wipe=lambda: None, restore=restore)


@contextmanager
def postgresql_way() -> Iterator[Way]:
    with postgresql_server() as folder:

        def tool(name: str, *arguments: str) -> None:
            program = str(postgresql_program(name))
            command = [program, "--host", folder, "--username", "test", *arguments]
            subprocess.run(command, check=True, capture_output=True)

        def dump(_: Path, backup: Path) -> None:
            tool("pg_dump", "--format=custom", f"--file={backup / 'steadfast.dump'}", "--dbname=postgres")

        def wipe() -> None:
            tool("dropdb", "--maintenance-db=template1", "--force", "postgres")

        def restore(backup: Path, _: Path) -> None:
            tool("createdb", "--maintenance-db=template1", "postgres")
            tool("pg_restore", "--exit-on-error", "--dbname=postgres", str(backup / "steadfast.dump"))

        url = f"postgresql://test@/postgres?host={folder}"
        yield Way(settings={"STEADFAST_DATABASE__URL": url}, dump=dump, wipe=wipe, restore=restore)


@pytest.fixture(params=["sqlite", "postgresql"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    if request.param == "sqlite":
        yield sqlite_way()
        return
    with postgresql_way() as found:
        yield found


def submitted(house: ServingHouse, picture: Path, **fields: str) -> str:
    content = (picture.name, picture.read_bytes())
    files = [("source", content), ("target", content)]
    answer = house.client.post("/v1/jobs", files=files, data=fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(house: ServingHouse, job: str) -> dict[str, Any]:
    until_s = time.monotonic() + _WITHIN_S
    while (found := house.client.get(f"/v1/jobs/{job}").json())["state"] not in ("succeeded", "failed"):
        assert time.monotonic() < until_s, found
        time.sleep(0.05)
    assert found["state"] == "succeeded", found
    return dict(found)


def result_of(house: ServingHouse, job: str) -> bytes:
    answer = house.client.get(f"/v1/jobs/{job}/result")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_what_was_dumped_while_it_served_is_there_after_a_wipe_and_a_restore(
    way: Way, tmp_path: Path, hopper_path: Path
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    backup.mkdir()
    with serving(data, SETTINGS | way.settings, spares=0) as house:
        done = submitted(house, hopper_path, labels="trip=lisbon")
        ended(house, done)
        before, key = result_of(house, done), house.key
        for worker in house.workers():
            worker.send_signal(signal.SIGSTOP)  # so that the next job is under way when it is dumped
        open_still = submitted(house, hopper_path, labels="n=2", format="png")
        way.dump(data, backup)  # the database first: a file is durable before its row
        shutil.copytree(data / "blobs", backup / "blobs")
        shutil.copy2(data / "webhook.secret", backup)
        house.process.kill()
    way.wipe()
    shutil.rmtree(data)

    data.mkdir()
    way.restore(backup, data)
    shutil.copytree(backup / "blobs", data / "blobs")
    shutil.copy2(backup / "webhook.secret", data)
    with serving(data, SETTINGS | way.settings, ready=False) as house:
        house.key = key
        assert ended(house, done)["labels"] == {"trip": "lisbon"}
        assert result_of(house, done) == before
        ended(house, open_still)
        assert result_of(house, open_still).startswith(b"\x89PNG")
