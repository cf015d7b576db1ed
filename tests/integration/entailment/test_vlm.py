"""Any local `transformers` folder as a backend, shown on tiny random ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.torch_python import run_with_torch, torch_python

_RUN = "import runpy; runpy.run_module('tests.tiny_vlm', run_name='__main__')"


def said_of(folder: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_with_torch(_RUN, str(folder), *arguments).splitlines()[-1])
    return found


@pytest.fixture(scope="module", autouse=True)
def _transformers() -> None:
    torch_python("transformers")


def test_a_classifier_is_read_by_the_names_of_its_labels(tmp_path: Path) -> None:
    said = said_of(tmp_path, "contradiction,entailment,neutral")
    no, yes, maybe = said["raw"]
    assert said["ours"] == pytest.approx([yes, no, maybe], abs=1e-5)
    assert said["again"] == pytest.approx(said["ours"], abs=1e-6)
    assert said["calibrated"] is False
    assert said["warnings"]


def test_a_classifier_of_other_things_is_refused_by_its_labels(tmp_path: Path) -> None:
    assert "cat" in said_of(tmp_path, "cat,dog,horse")["refused"]


def test_a_model_that_writes_is_read_by_the_word_it_would_write_next(tmp_path: Path) -> None:
    said = said_of(tmp_path)
    assert said["tokens"] == said["expected"]
    assert sum(said["plain"]) == pytest.approx(1.0)
    assert said["plain"] != pytest.approx(said["captioned"], abs=1e-6)
