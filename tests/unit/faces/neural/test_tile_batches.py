"""Tiles go through together where that is possible and right, and else in smaller calls, never wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from onnx import numpy_helper

from steadfast.errors import ModelDamaged, ModelProblem, OutOfDeviceMemory
from steadfast.faces.neural.tile_batches import INPUTS, TileBatches
from steadfast.inference.sessions import ModelSession, SessionCache
from steadfast.inference.testing import write_graph

RNG = np.random.default_rng(21)
TILES = RNG.random((16, 3, 8, 8)).astype(np.float32)
VECTOR = RNG.normal(size=512).astype(np.float32)

PLAIN = [("Gather", ["source", "first"], ["s"], {"axis": 1}), ("Mul", ["target", "s"], ["output"], {})]
IN_COMPANY = [  # the mean over the batch: another answer for a tile in company than alone
    ("ReduceMean", ["target"], ["mean"], {"axes": [0]}),
    ("Sub", ["target", "mean"], ["other"], {}),
    ("Gather", ["source", "first"], ["s"], {"axis": 1}),
    ("Mul", ["other", "s"], ["output"], {}),
]
ONE_WRITTEN = [  # shapes written down when it was exported, as a constant and as a node
    ("Reshape", ["target", "flat"], ["row"], {}),
    ("Constant", [], ["square"], {"value": numpy_helper.from_array(np.array([1, 3, 8, 8]))}),
    ("Reshape", ["row", "square"], ["back"], {}),
    ("Gather", ["source", "first"], ["s"], {"axis": 1}),
    ("Mul", ["back", "s"], ["output"], {}),
]
ONE_NEEDED = [  # no batch survives this
    ("Reshape", ["target", "channels"], ["planes"], {}),
    ("Reshape", ["planes", "one"], ["again"], {}),
    ("Gather", ["source", "first"], ["s"], {"axis": 1}),
    ("Mul", ["again", "s"], ["output"], {}),
]
ONE_LEFT = [  # one answer for all
    ("Gather", ["source", "first"], ["s"], {"axis": 1}),
    ("Mul", ["target", "s"], ["each"], {}),
    ("ReduceMean", ["each"], ["output"], {"axes": [0]}),
]


def session_of(path: Path, nodes: Any, *, opened: bool, batch: int | str = 1) -> ModelSession:
    write_graph(
        path,
        nodes,
        inputs={"target": (batch, 3, 8, 8), "source": (batch, 512)},
        outputs={"output": (batch, 3, 8, 8)},
        constants={
            "first": np.array([[[0]]]),
            "one": np.array([1, 3, 8, 8]),
            "flat": np.array([1, 192]),
            "channels": np.array([3, 8, 8]),
        },
    )
    return SessionCache().get(path.stem, path, open_batch_of=INPUTS if opened else ())


class Watch:
    """Records how many tiles each call has, and fails on command."""

    def __init__(self, session: ModelSession, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[int] = []
        self.room = 10**9  # tiles that memory has room for
        run = session.run

        def recorded(feeds: Any) -> Any:
            self.calls.append(len(feeds["target"]))
            if len(feeds["target"]) > self.room:
                raise OutOfDeviceMemory("too many")
            return run(feeds)

        monkeypatch.setattr(session, "run", recorded)


def alone(nodes: Any, tmp_path: Path) -> Any:
    session = session_of(tmp_path / "alone.onnx", nodes, opened=False)
    feeds = [{"target": tile[None], "source": VECTOR[None]} for tile in TILES]
    return np.concatenate([session.run(feed)["output"] for feed in feeds])


@pytest.mark.parametrize("nodes", [PLAIN, IN_COMPANY, ONE_WRITTEN, ONE_NEEDED, ONE_LEFT])
@pytest.mark.parametrize("opened", [False, True])
def test_every_tile_gets_the_answer_it_gets_alone(tmp_path: Path, nodes: Any, opened: bool) -> None:
    batches = TileBatches(session_of(tmp_path / "g.onnx", nodes, opened=opened))
    expected = alone(nodes, tmp_path)
    for _ in range(2):  # the first time something is learned, the second time it is known
        assert_allclose(batches.run(TILES, VECTOR)["output"], expected, atol=1e-5)


@pytest.mark.parametrize("nodes", [PLAIN, ONE_WRITTEN])
def test_an_opened_graph_takes_all_in_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: Any
) -> None:
    session = session_of(tmp_path / "g.onnx", nodes, opened=True)
    batches, watch = TileBatches(session), Watch(session, monkeypatch)
    batches.run(TILES, VECTOR)
    batches.run(TILES, VECTOR)
    assert watch.calls == [16, 16]


def test_a_graph_exported_for_any_number_takes_all_in_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path / "g.onnx", PLAIN, opened=False, batch="n")
    batches, watch = TileBatches(session), Watch(session, monkeypatch)
    batches.run(TILES, VECTOR)
    assert watch.calls == [16]


@pytest.mark.parametrize("nodes", [IN_COMPANY, ONE_NEEDED, ONE_LEFT])
def test_a_graph_that_cannot_take_several_is_never_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: Any
) -> None:
    session = session_of(tmp_path / "g.onnx", nodes, opened=True)
    batches, watch = TileBatches(session), Watch(session, monkeypatch)
    batches.run(TILES, VECTOR)
    assert watch.calls == [1] * 16


def test_a_graph_that_fails_with_several_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exported for any number, it says, and fails with more than one."""
    session = session_of(tmp_path / "g.onnx", ONE_NEEDED, opened=False, batch="n")
    batches, watch = TileBatches(session), Watch(session, monkeypatch)
    batches.run(TILES, VECTOR)
    batches.run(TILES, VECTOR)
    assert watch.calls == [16] + [1] * 32


def test_where_memory_runs_out_calls_get_half_as_large_and_grow_again_after_a_quiet_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path / "g.onnx", PLAIN, opened=False, batch="n")
    batches, watch = TileBatches(session), Watch(session, monkeypatch)
    watch.room = 5
    answer = batches.run(TILES, VECTOR)["output"]
    assert watch.calls == [16, 8, 4, 4, 4, 4]
    assert_allclose(answer, alone(PLAIN, tmp_path), atol=1e-5)

    watch.room = 10**9
    for _ in range(16 + 32):  # 64 calls of four, then 64 of eight
        batches.run(TILES, VECTOR)
    watch.calls.clear()
    batches.run(TILES, VECTOR)
    assert watch.calls == [16]


def test_memory_that_lacks_for_one_tile_is_the_callers_to_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path / "g.onnx", PLAIN, opened=False, batch="n")
    batches, watch = TileBatches(session), Watch(session, monkeypatch)
    watch.room = 0
    with pytest.raises(OutOfDeviceMemory):
        batches.run(TILES, VECTOR)
    assert watch.calls == [16, 8, 4, 2, 1]


def test_a_graph_that_fails_with_one_tile_is_the_models_fault(tmp_path: Path) -> None:
    session = session_of(tmp_path / "g.onnx", PLAIN, opened=False, batch="n")
    with pytest.raises(ModelProblem):
        TileBatches(session).run(np.zeros((2, 4, 8, 8), dtype=np.float32), VECTOR)


def test_a_graph_that_is_no_swapper_is_refused(tmp_path: Path) -> None:
    path = write_graph(
        tmp_path / "g.onnx", [("Identity", ["x"], ["y"], {})], inputs={"x": (1,)}, outputs={"y": (1,)}
    )
    with pytest.raises(ModelDamaged, match="takes x"):
        TileBatches(SessionCache().get("g", path))
