"""Row: a model file is overwritten with noise while the service runs; a worker falls, then all restarts."""

import asyncio
import hashlib
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import LiveService, live_service, wait_until_full
from tests.chaos.server.traffic import Load

_FILES = ("face_landmark.onnx", "mobilefacenet.onnx", "yunet_n_dynamic.onnx")


@dataclass(frozen=True, kw_only=True)
class NoisyModel:
    """What became of the file and of the answers."""

    quarantined: int
    whole_again_after_worker: bool
    whole_again_after_restart: bool
    requests: int
    wrong: int
    """Answers of 200 that were not bit for bit those from before."""
    statuses: dict[int, int]
    after_restart: dict[int, int]

    def __str__(self) -> str:
        return (
            f"{self.quarantined} quarantined, pulled again for the next worker: "
            f"{self.whole_again_after_worker}, at the restart: {self.whole_again_after_restart}; answers "
            f"{self.statuses}, after the restart {self.after_restart}, {self.wrong} wrong"
        )


async def overwrite_model(folder: Path, *, mirror: Path, seconds: float = 2.0) -> NoisyModel:
    """`mirror` holds the files by name."""
    models = folder / "models"
    models.mkdir(parents=True)
    for name in _FILES:
        shutil.copy(mirror / name, models / name)
    victim = models / "mobilefacenet.onnx"
    whole = _sum(victim)
    async with _standard(folder, mirror) as service:
        load = Load(port=service.port, clients=4)
        await load.learn()
        async with load:
            await asyncio.sleep(seconds)
            _overwrite_with_noise(victim)
            await asyncio.sleep(seconds)
            for pid in (*service.workers("spare"), *service.workers()):
                os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(wait_until_full, service, 1, 1, 120.0)
            await asyncio.sleep(seconds)
        after_worker = _sum(victim) == whole
        _overwrite_with_noise(victim)
    async with _standard(folder, mirror) as service:
        again = load.again(service.port)
        async with again:
            await asyncio.sleep(seconds)
    quarantined = [file for file in models.rglob("*") if file.is_file() and file.name not in _FILES]
    return NoisyModel(
        quarantined=sum("mobilefacenet" in str(file) for file in quarantined),
        whole_again_after_worker=after_worker,
        whole_again_after_restart=_sum(victim) == whole,
        requests=len(load.answers) + len(again.answers),
        wrong=load.wrong + again.wrong,
        statuses=load.statuses,
        after_restart=again.statuses,
    )


@asynccontextmanager
async def _standard(folder: Path, mirror: Path) -> AsyncIterator[LiveService]:
    url = f"file://{mirror.resolve()}"
    with live_service(folder, workers=1, faces__engine="standard", models__mirror=url) as service:
        yield service
        service.ask_to_stop()
        status = await asyncio.to_thread(service.wait, 60.0)
        assert status == 0, service.tail()


def _overwrite_with_noise(file: Path) -> None:
    """In place, as a failing disk does it: the same inode, the same length."""
    with file.open("r+b") as stream:
        stream.write(secrets.token_bytes(file.stat().st_size))


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
