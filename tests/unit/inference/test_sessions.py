"""Each model is loaded once, on the best provider that works, and what fails is told in our words."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from steadfast import events
from steadfast.errors import (
    EngineUnavailable,
    InvalidModelOutput,
    ModelDamaged,
    ModelMissing,
    ModelProblem,
    OutOfDeviceMemory,
    OutOfHostMemory,
)
from steadfast.inference.facts import ModelLoaded, ProviderSkipped
from steadfast.inference.providers import Provider
from steadfast.inference.sessions import SessionCache
from steadfast.inference.testing import CPU, FakeRuntime, FakeSession, write_graph
from steadfast.settings import InferenceSettings

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def facts() -> Iterator[list[events.Event]]:
    heard: list[events.Event] = []
    stop = events.subscribe(heard.append)
    yield heard
    stop()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"graph")
    return path


def doubling_graph(path: Path, *, half_precision: bool = False) -> Path:
    return write_graph(
        path,
        [("Add", ["x", "x"], ["y"], {})],
        inputs={"x": ("n", 3)},
        outputs={"y": ("n", 3)},
        half_precision=half_precision,
    )


def cache(runtime: FakeRuntime, **settings: object) -> SessionCache:
    return SessionCache(InferenceSettings.model_validate(settings), runtime=runtime, probe=lambda: None)


# --- with the real runtime ----------------------------------------------------------------------------


def test_every_output_comes_back_by_its_name(tmp_path: Path) -> None:
    session = SessionCache().get("double", doubling_graph(tmp_path / "d.onnx"))
    assert_array_equal(session.run({"x": X})["y"], 2 * X)
    assert (session.input_names, session.output_names) == (("x",), ("y",))
    assert session.input_shapes == {"x": (None, 3)}


def test_a_half_precision_graph_is_fed_and_read_as_if_it_were_single(tmp_path: Path) -> None:
    session = SessionCache().get("half", doubling_graph(tmp_path / "h.onnx", half_precision=True))
    answer = session.run({"x": X})["y"]
    assert answer.dtype == np.float32
    assert_array_equal(answer, 2 * X)


def test_numbers_that_are_not_finite_never_leave_a_session(tmp_path: Path) -> None:
    session = SessionCache().get("double", doubling_graph(tmp_path / "d.onnx"))
    for bad in (np.nan, np.inf):
        with pytest.raises(InvalidModelOutput):
            session.run({"x": np.full((1, 3), bad, dtype=np.float32)})


@pytest.mark.parametrize("content", [b"", b"this is no graph", b"\x08\x09\x12\x00"])
def test_a_file_the_runtime_cannot_read_is_called_damaged(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelDamaged, match="broken"):
        SessionCache().get("broken", path)
    assert capfd.readouterr() == ("", "")


def test_a_graph_fed_with_the_wrong_shape_is_one_declared_error_and_nothing_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session = SessionCache().get("double", doubling_graph(tmp_path / "d.onnx"))
    with pytest.raises(ModelProblem, match="double"):
        session.run({"x": np.zeros((1, 4), dtype=np.float32)})
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_not_there_is_called_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        SessionCache().get("gone", tmp_path / "gone.onnx")


# --- one session per model ----------------------------------------------------------------------------


def test_threads_that_ask_at_once_share_one_session_loaded_once(model: Path) -> None:
    together = threading.Barrier(8)
    runtime = FakeRuntime()
    sessions = cache(runtime)

    def ask() -> object:
        together.wait(timeout=60)
        return sessions.get("m", model)

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert len(runtime.made) == 1
    assert all(answer is answers[0] for answer in answers)


def test_a_slow_load_of_one_model_holds_up_no_other(model: Path, tmp_path: Path) -> None:
    started, may_finish = threading.Event(), threading.Event()

    def slow(session: FakeSession) -> None:
        if session.path.endswith("slow.onnx"):
            started.set()
            assert may_finish.wait(timeout=60)

    (tmp_path / "slow.onnx").write_bytes(b"graph")
    sessions = cache(FakeRuntime(on_create=slow))
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(sessions.get, "slow", tmp_path / "slow.onnx")
        assert started.wait(timeout=60)
        assert sessions.get("m", model).run({"x": X})  # would hang here behind one global lock
        may_finish.set()
        pending.result(timeout=60)


def test_a_load_that_failed_is_tried_again_by_the_next_who_asks(model: Path) -> None:
    broken = True

    def fail_once(_: FakeSession) -> None:
        nonlocal broken
        if broken:
            broken = False
            raise RuntimeError("Protobuf parsing failed.")

    sessions = cache(FakeRuntime(on_create=fail_once))
    with pytest.raises(ModelDamaged):
        sessions.get("m", model)
    assert sessions.get("m", model).is_loaded


def test_a_repaired_model_is_read_anew_once_it_is_forgotten(model: Path) -> None:
    runtime = FakeRuntime()
    sessions = cache(runtime)
    first = sessions.get("m", model)
    sessions.forget("m")
    assert sessions.get("m", model) is not first
    assert len(runtime.made) == 2


# --- providers ----------------------------------------------------------------------------------------


def test_a_provider_left_out_in_silence_is_noticed_told_and_not_asked_for_again(
    model: Path, tmp_path: Path, facts: list[events.Event]
) -> None:
    runtime = FakeRuntime(available=(CUDA, CPU), silently_absent=(CUDA,))
    sessions = cache(runtime)
    session = sessions.get("m", model)
    assert session.providers.taken == (Provider.CPU,)
    told = [f for f in facts if isinstance(f, ProviderSkipped)]
    assert [(f.model, f.provider) for f in told] == [("m", "cuda")]
    assert "did not initialise" in told[0].reason

    (tmp_path / "n.onnx").write_bytes(b"graph")
    sessions.get("n", tmp_path / "n.onnx")
    assert [name for name, _ in runtime.made[-1].providers] == [CPU]
    assert sessions.providers().skipped[-1].provider is Provider.CUDA


def test_a_provider_that_refuses_one_model_is_passed_over_for_that_model_only(
    model: Path, tmp_path: Path, facts: list[events.Event]
) -> None:
    def refuse(session: FakeSession) -> None:
        if session.path == str(model) and session.providers[0][0] == TENSORRT:
            raise RuntimeError("TensorRT EP failed to create engine: unsupported operator")

    runtime = FakeRuntime(available=(TENSORRT, CUDA, CPU), on_create=refuse)
    sessions = cache(runtime)
    session = sessions.get("m", model)
    assert session.providers.taken == (Provider.CUDA, Provider.CPU)
    assert "unsupported operator" in session.providers.skipped[-1].reason
    assert [f.provider for f in facts if isinstance(f, ProviderSkipped)] == ["tensorrt"]

    (tmp_path / "n.onnx").write_bytes(b"graph")
    assert sessions.get("n", tmp_path / "n.onnx").providers.taken[0] is Provider.TENSORRT


def test_a_model_that_no_provider_reads_is_damaged(model: Path) -> None:
    def refuse(_: FakeSession) -> None:
        raise RuntimeError("INVALID_PROTOBUF")

    runtime = FakeRuntime(available=(CUDA, CPU), on_create=refuse)
    with pytest.raises(ModelDamaged, match="INVALID_PROTOBUF"):
        cache(runtime).get("m", model)


def test_without_the_cpu_in_the_order_a_failing_device_is_an_error_not_a_slow_answer(model: Path) -> None:
    runtime = FakeRuntime(available=(CUDA, CPU), silently_absent=(CUDA,))
    with pytest.raises(EngineUnavailable, match="cuda"):
        cache(runtime, providers=("cuda",)).get("m", model)


def test_the_runtimes_own_fallback_is_off_since_it_hides_the_reason(model: Path) -> None:
    seen: dict[str, object] = {}

    class Recording(FakeRuntime):
        def InferenceSession(self, path: str, options: object, **keywords: object) -> FakeSession:
            seen.update(keywords)
            return super().InferenceSession(path, options, **keywords)

    cache(Recording()).get("m", model)
    assert seen["enable_fallback"] == 0


def test_limits_and_threads_reach_the_runtime(model: Path) -> None:
    runtime = FakeRuntime(available=(CUDA, CPU))
    cache(runtime, gpu_memory_limit=1 << 30, threads=3).get("m", model)
    (made,) = runtime.made
    assert dict(made.providers)[CUDA]["gpu_mem_limit"] == str(1 << 30)
    assert made.options.intra_op_num_threads == 3
    assert made.options.entries["session.intra_op.allow_spinning"] == "0"


def test_on_cuda_the_arena_shrinks_after_each_run_and_on_the_cpu_nothing_is_asked(model: Path) -> None:
    runtime = FakeRuntime(available=(CUDA, CPU))
    cache(runtime).get("m", model).run({"x": X})
    assert runtime.made[0].runs[0].entries == {"memory.enable_memory_arena_shrinkage": "gpu:0"}
    runtime = FakeRuntime()
    cache(runtime).get("m", model).run({"x": X})
    assert runtime.made[0].runs == [None]


def test_a_loaded_model_is_told_with_where_it_runs(model: Path, facts: list[events.Event]) -> None:
    cache(FakeRuntime(available=(CUDA, CPU))).get("m", model)
    (told,) = [f for f in facts if isinstance(f, ModelLoaded)]
    assert (told.model, told.providers, told.threads) == ("m", (CUDA, CPU), 1)


# --- memory -------------------------------------------------------------------------------------------


def test_where_the_device_is_full_the_other_models_leave_and_the_run_is_tried_once_more(
    model: Path, tmp_path: Path
) -> None:
    full = True

    def out_of_memory(session: FakeSession) -> None:
        if session.path == str(model) and full:
            raise RuntimeError("CUDA failure 2: out of memory")

    runtime = FakeRuntime(available=(CUDA, CPU), during_run=out_of_memory)
    sessions = cache(runtime)
    (tmp_path / "n.onnx").write_bytes(b"graph")
    other = sessions.get("n", tmp_path / "n.onnx")
    session = sessions.get("m", model)

    with pytest.raises(OutOfDeviceMemory):
        session.run({"x": X})
    assert not other.is_loaded
    assert len(runtime.made[1].runs) == 2

    other.run({"x": X})
    full = False
    assert_array_equal(session.run({"x": X})["y"], X)


def test_a_device_too_full_to_load_is_not_mistaken_for_a_damaged_file(model: Path) -> None:
    def out_of_memory(_: FakeSession) -> None:
        raise RuntimeError("bfc_arena.cc Failed to allocate memory for requested buffer of size 9")

    with pytest.raises(OutOfDeviceMemory):
        cache(FakeRuntime(available=(CUDA, CPU), on_create=out_of_memory)).get("m", model)


def test_the_machines_memory_running_out_is_told_apart(model: Path) -> None:
    def out_of_memory(_: FakeSession) -> None:
        raise MemoryError

    session = cache(FakeRuntime(during_run=out_of_memory)).get("m", model)
    with pytest.raises(OutOfHostMemory):
        session.run({"x": X})
