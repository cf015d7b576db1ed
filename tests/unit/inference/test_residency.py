"""Models leave memory when the settings say so, and come back when they are needed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from steadfast import events
from steadfast.errors import OutOfHostMemory
from steadfast.inference.device_memory import DeviceMemory
from steadfast.inference.facts import DeviceMemoryShort
from steadfast.inference.sessions import ModelSession, SessionCache
from steadfast.inference.testing import CPU, FakeRuntime, FakeSession
from steadfast.settings import InferenceSettings

CUDA = "CUDAExecutionProvider"
X = {"x": np.ones((1,), dtype=np.float32)}
MIB = 1 << 20


class Bench:
    """A cache over a fake runtime, and models of any size."""

    def __init__(self, folder: Path, runtime: FakeRuntime, **settings: object) -> None:
        self.folder = folder
        self.runtime = runtime
        self.memory: Callable[[], DeviceMemory | None] = lambda: None
        self.cache = SessionCache(
            InferenceSettings.model_validate(settings), runtime=runtime, probe=self._probe
        )

    def _probe(self) -> DeviceMemory | None:
        return self.memory()  # the one of now, not the one of construction

    def model(self, name: str, *, mib: int = 1) -> ModelSession:
        path = self.folder / f"{name}.onnx"
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(mib * MIB)
        return self.cache.get(name, path)


def loaded(*sessions: ModelSession) -> list[bool]:
    return [session.is_loaded for session in sessions]


def test_strict_unloads_after_a_run_and_loads_again_for_the_next(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="strict")
    session = bench.model("a")
    session.run(X)
    assert not session.is_loaded
    session.run(X)
    assert len(bench.runtime.made) == 2


def test_strict_keeps_a_model_through_one_piece_of_work_and_nothing_after_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="strict")
    with bench.cache.work():
        one, other = bench.model("a"), bench.model("b")
        for _ in range(3):
            one.run(X)
        assert len(bench.runtime.made) == 2
    assert loaded(one, other) == [False, False]


def test_moderate_keeps_what_the_last_work_used(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="moderate")
    old, new = bench.model("old"), bench.model("new")
    with bench.cache.work():
        old.run(X)
    with bench.cache.work():
        new.run(X)
    assert loaded(old, new) == [False, True]


def test_tolerant_keeps_everything(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="tolerant")
    old, new = bench.model("old"), bench.model("new")
    with bench.cache.work():
        new.run(X)
    assert loaded(old, new) == [True, True]


def test_works_that_overlap_unload_nothing_before_the_last_one_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="strict")
    session = bench.model("a")
    with bench.cache.work():
        with bench.cache.work():
            session.run(X)
        assert session.is_loaded
    assert not session.is_loaded


def test_a_work_that_fails_still_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="strict")
    session = bench.model("a")

    def fail() -> None:
        with bench.cache.work():
            session.run(X)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not session.is_loaded


def test_a_model_is_never_taken_from_under_a_run(tmp_path: Path) -> None:
    inside, may_finish = threading.Event(), threading.Event()

    def wait(_: FakeSession) -> None:
        inside.set()
        assert may_finish.wait(timeout=60)

    bench = Bench(tmp_path, FakeRuntime(during_run=wait), residency="tolerant")
    session = bench.model("a")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.run, X)
        assert inside.wait(timeout=60)
        assert bench.cache.release() == ()
        may_finish.set()
        running.result(timeout=60)
    assert bench.cache.release() == ("a",)


def test_under_a_memory_limit_the_model_unused_for_longest_leaves(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="tolerant", memory_limit=10 * MIB)
    first, second = bench.model("first", mib=4), bench.model("second", mib=4)
    second.run(X)
    first.run(X)
    third = bench.model("third", mib=4)
    assert loaded(first, second, third) == [True, False, True]


def test_a_model_larger_than_the_limit_is_refused_with_both_sizes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), memory_limit=10 * MIB)
    with pytest.raises(OutOfHostMemory, match=r"11 MiB.*10 MiB"):
        bench.model("large", mib=11)


def test_models_on_a_device_do_not_count_against_the_machines_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(available=(CUDA, CPU)), memory_limit=10 * MIB)
    assert bench.model("large", mib=11).is_loaded


@pytest.mark.parametrize(("used_mib", "stays"), [(700, True), (850, False)])
def test_a_run_that_would_pass_nine_tenths_of_the_device_releases_idle_models_first(
    tmp_path: Path, used_mib: int, stays: bool
) -> None:
    at_the_run: list[bool] = []
    runtime = FakeRuntime(available=(CUDA, CPU), during_run=lambda _: at_the_run.append(idle.is_loaded))
    bench = Bench(tmp_path, runtime, residency="tolerant")
    idle, session = bench.model("idle"), bench.model("busy", mib=200)  # a run takes half its size: 100 MiB
    bench.memory = lambda: DeviceMemory(total_bytes=1000 * MIB, used_bytes=used_mib * MIB)
    session.run(X)
    assert at_the_run == [stays]
    assert session.is_loaded


def test_only_as_many_models_leave_the_device_as_are_needed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(available=(CUDA, CPU)), residency="tolerant")
    old, recent, session = bench.model("old"), bench.model("recent"), bench.model("busy", mib=200)
    old.run(X)
    recent.run(X)

    def used() -> DeviceMemory:
        return DeviceMemory(total_bytes=1000 * MIB, used_bytes=(850 if old.is_loaded else 500) * MIB)

    heard: list[events.Event] = []
    stop = events.subscribe(heard.append)
    bench.memory = used
    session.run(X)
    stop()
    assert loaded(old, recent) == [False, True]
    (short,) = [fact for fact in heard if isinstance(fact, DeviceMemoryShort)]
    assert (short.model, short.unloaded) == ("busy", ("old",))


def test_on_the_cpu_the_device_is_never_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeRuntime(), residency="tolerant")
    idle, session = bench.model("idle"), bench.model("busy")
    bench.memory = lambda: DeviceMemory(total_bytes=100, used_bytes=100)
    session.run(X)
    assert idle.is_loaded
