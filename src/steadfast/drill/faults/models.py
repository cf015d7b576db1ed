"""Faults of models: what they answer, how long they take, and the files they come from."""

import os
import signal
from pathlib import Path
from typing import ClassVar

from steadfast.drill.fault import Expectation, Fault, Group, NotHere, Scene
from steadfast.drill.faults.workers import FACES, a_worker
from steadfast.drill.house import House, HouseKind, PrivateServer
from steadfast.drill.orders import Act

_NOISE_BYTES = 4096


class NanOutputs(Fault):
    """In one worker, as after a bit of its memory has turned."""

    name = "nan-outputs"
    what = "The models of one worker answer NaN to everything."
    group = Group.MODEL
    lasts_s = 10.0

    async def inject(self, scene: Scene) -> None:
        """Until it loads again."""
        await scene.order(Act.NAN, pid=(await a_worker(scene)).pid)

    def expect(self) -> Expectation:
        """No such answer is sent: the request is done again, the models are loaded again."""
        signs = ("incident:wrong_answers", "incident:invalid_output", "replaced")
        return Expectation(signs=signs, detect_within_s=15.0)


class WrongOutputs(Fault):
    """Nothing about such an answer looks wrong, but that it is known to be."""

    name = "wrong-outputs"
    what = "The models of one worker answer plausibly and wrongly: only a canary can tell."
    group = Group.MODEL
    lasts_s = 15.0

    async def inject(self, scene: Scene) -> None:
        """Until it loads again."""
        await scene.order(Act.WRONG, pid=(await a_worker(scene)).pid, task=FACES)

    def expect(self) -> Expectation:
        """The canary catches it; what was sent until then was wrong."""
        return Expectation(
            signs=("incident:wrong_answers",),
            # A worker that is never idle is checked for 0.5 % of its time: every 200 times the canary's own.
            detect_within_s=90.0,
            recover_within_s=120.0,
            most_wrong=None,
        )


class SlowModel(Fault):
    """As on a processor that got hot."""

    name = "slow-model"
    what = "Every inference takes three times as long."
    group = Group.MODEL
    lasts_s = 20.0

    async def inject(self, scene: Scene) -> None:
        """In every worker."""
        await scene.order(Act.SLOW, amount=3.0)

    def expect(self) -> Expectation:
        """Slower answers, and somebody is told."""
        signs = ("incident:latency_regression", "incident:saturation")
        return Expectation(signs=signs, detect_within_s=20.0, refusals=("overloaded",))


class _ModelFile(Fault):
    """One of the files of models; then workers that have it in memory are killed, so that others read it."""

    group = Group.MODEL
    house = HouseKind.MODEL_FILES
    needs_own_server = True
    lasts_s: ClassVar[float] = 8.0

    def missing(self, house: House) -> str:
        """Needs models that are files of this server."""
        if isinstance(house, PrivateServer) and not list(model_files(house)):
            return (
                "the engine that works here has no model files of its own (its models are part of packages)"
            )
        return ""

    async def inject(self, scene: Scene) -> None:
        """Spoils one, then has workers load."""
        self.spoil(scene.dice.choice(sorted(model_files(scene.own))), scene.dice.randbytes(_NOISE_BYTES))
        for worker in (await scene.house.processes()).workers:
            if worker.task == FACES and worker.is_spare:
                await scene.house.signal(worker.pid, signal.SIGKILL)
        await scene.house.signal((await a_worker(scene)).pid, signal.SIGKILL)

    def spoil(self, file: Path, noise: bytes) -> None:
        """Does it to the file."""
        raise NotImplementedError

    def expect(self) -> Expectation:
        """The file is set aside and fetched again from the mirror; no wrong answer is sent."""
        signs = ("incident:model_damaged", "incident:worker_died", "incident:load_failed")
        return Expectation(signs=signs, detect_within_s=20.0)


class ModelFileCorrupt(_ModelFile):
    """As a failing disk does it: the same file, the same length."""

    name = "model-file-corrupt"
    what = "A model file is overwritten with noise in its middle, then workers have to load it."

    def spoil(self, file: Path, noise: bytes) -> None:
        """In place."""
        with file.open("r+b") as stream:
            stream.seek(max(0, file.stat().st_size // 2 - len(noise)))
            stream.write(noise)


class ModelFileMissing(_ModelFile):
    """As after a careless hand."""

    name = "model-file-missing"
    what = "A model file is deleted, then workers have to load it."

    def spoil(self, file: Path, noise: bytes) -> None:  # noqa: ARG002
        """Away with it."""
        file.unlink()


class ModelFileUnreadable(_ModelFile):
    """As after a backup that was restored by root."""

    name = "model-file-unreadable"
    what = "Nobody but its owner may read a model file any more, then workers have to load it."

    def spoil(self, file: Path, noise: bytes) -> None:  # noqa: ARG002
        """For everybody; root may still."""
        file.chmod(0o000)
        if os.access(file, os.R_OK) and os.geteuid() != 0:
            raise NotHere("file permissions do not hold on this file system")


def model_files(house: PrivateServer) -> list[Path]:
    """Those of the private server's own folder."""
    folder = house.models_dir
    if folder is None or not folder.is_dir():
        return []
    return [file for file in folder.glob("*.onnx") if file.is_file()]


FAULTS: tuple[type[Fault], ...] = (
    NanOutputs,
    WrongOutputs,
    SlowModel,
    ModelFileCorrupt,
    ModelFileMissing,
    ModelFileUnreadable,
)
