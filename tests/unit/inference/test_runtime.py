"""The installed ONNX Runtime is told to be quiet, and one that does not work is told apart from none."""

import importlib
import logging
import sys
from types import ModuleType
from typing import Any

import pytest

from steadfast.errors import RuntimeMissing
from steadfast.inference.runtime import QUIET, TALKATIVE, import_runtime


def stand_in(monkeypatch: pytest.MonkeyPatch, *, whole: bool = True) -> list[int]:
    """A module in the place of the runtime; the severities it was told."""
    told: list[int] = []
    module: Any = ModuleType("onnxruntime")
    if whole:
        module.InferenceSession = object
        module.set_default_logger_severity = told.append
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    return told


def test_the_runtime_is_quiet_unless_somebody_debugs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = stand_in(monkeypatch)
    import_runtime()
    with caplog.at_level(logging.DEBUG, logger="steadfast.inference.runtime"):
        import_runtime()
    assert told == [QUIET, TALKATIVE]


def test_a_folder_that_an_uninstall_left_behind_is_not_taken_for_a_runtime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch, whole=False)
    with pytest.raises(RuntimeMissing, match="half installed"):
        import_runtime()


def test_a_runtime_whose_libraries_do_not_load_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ModuleType:
        raise ImportError("libcudart.so.12: cannot open shared object file", name=name)

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RuntimeMissing, match=r"does not load: libcudart\.so\.12"):
        import_runtime()
