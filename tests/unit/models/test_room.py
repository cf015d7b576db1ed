"""Models take no more than their limit: what was used longest ago goes, and nothing that is in use."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.models.mirrors import catalogue_of, tiny_model

from steadfast.events import Event
from steadfast.models.catalogue import Catalogue, Model
from steadfast.models.facts import ModelRemoved
from steadfast.models.room import Room
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings

NAMES = ("one", "two", "three")
BYTES = 100
HOLD = """
import pathlib, sys
from steadfast.models.room import Room
room = Room(pathlib.Path(sys.argv[1]).parent, 1)
room.use(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def content_of(name: str) -> bytes:
    return name.encode().ljust(BYTES, b".")


def model(name: str) -> Model:
    usual, content = tiny_model(), content_of(name)
    file = replace(
        usual.files[0],
        name=f"{name}.onnx",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return replace(usual, name=name, files=(file,))


@pytest.fixture
def catalogue() -> Catalogue:
    return catalogue_of(*map(model, NAMES))


@pytest.fixture
def limited(settings: ModelSettings, mirror_folder: Path) -> ModelSettings:
    """Room for two."""
    for name in NAMES:
        (mirror_folder / f"{name}.onnx").write_bytes(content_of(name))
    return ModelSettings(
        dir=settings.dir, mirror=(mirror_folder.as_uri(),), attempts=1, max_bytes=2 * BYTES + 50
    )


def there(settings: ModelSettings) -> set[str]:
    return {file.stem for file in settings.dir.glob("*.onnx")}


def used_at(settings: ModelSettings, name: str, time_s: float) -> None:
    os.utime(settings.dir / ".used" / f"{name}.onnx", (time_s, time_s))


@contextmanager
def in_use(file: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process has it until it is killed."""
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def fetch(settings: ModelSettings, catalogue: Catalogue, *names: str) -> None:
    """Each for a moment, as short-lived processes do."""
    for name in names:
        assert ModelStore(settings, catalogue).require(name).read_bytes() == content_of(name)


def test_what_was_used_longest_ago_goes_and_comes_back_when_it_is_needed(
    limited: ModelSettings, catalogue: Catalogue, facts: list[Event]
) -> None:
    fetch(limited, catalogue, "one", "two")
    used_at(limited, "one", 2_000.0)
    used_at(limited, "two", 1_000.0)
    fetch(limited, catalogue, "three")
    assert there(limited) == {"one", "three"}
    assert ModelRemoved(file="two.onnx", size_bytes=BYTES) in facts
    fetch(limited, catalogue, "two")
    assert there(limited) == {"two", "three"}


def test_what_a_process_uses_stays_until_that_is_dead(limited: ModelSettings, catalogue: Catalogue) -> None:
    fetch(limited, catalogue, "one", "two")
    used_at(limited, "one", 1_000.0)
    used_at(limited, "two", 2_000.0)
    with in_use(limited.dir / "one.onnx"):
        used_at(limited, "one", 1_000.0)
        fetch(limited, catalogue, "three")
        assert there(limited) == {"one", "three"}
    fetch(limited, catalogue, "two")
    assert there(limited) == {"two", "three"}


def test_where_everything_is_in_use_the_limit_gives_way(limited: ModelSettings, catalogue: Catalogue) -> None:
    store = ModelStore(limited, catalogue)
    for name in NAMES:
        store.require(name)
    assert there(limited) == set(NAMES)


def test_what_would_not_come_back_by_itself_stays(
    limited: ModelSettings, catalogue: Catalogue, mirror_folder: Path
) -> None:
    fetch(limited, catalogue, "one", "two")
    (mirror_folder / "one.onnx").unlink()
    (mirror_folder / "two.onnx").unlink()
    fetch(limited, catalogue, "three")
    assert there(limited) == set(NAMES)


def test_files_of_others_are_neither_counted_nor_removed(
    limited: ModelSettings, catalogue: Catalogue
) -> None:
    limited.dir.mkdir()
    (limited.dir / "mine.onnx").write_bytes(bytes(1_000))
    fetch(limited, catalogue, "one", "two")
    assert there(limited) == {"one", "two", "mine"}


def test_without_a_limit_nothing_goes_and_nothing_is_remembered(
    limited: ModelSettings, catalogue: Catalogue
) -> None:
    unlimited = limited.model_copy(update={"max_bytes": 0})
    fetch(unlimited, catalogue, *NAMES)
    assert there(unlimited) == set(NAMES)
    assert not (unlimited.dir / ".used").exists()


def test_a_folder_that_may_only_be_read_is_used_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "one.onnx"
    file.write_bytes(content_of("one"))
    (tmp_path / ".used").write_text("in the way of the folder of marks")
    user, remover = Room(tmp_path, 1), Room(tmp_path, 1)
    user.use(file)
    assert remover.make(0, [file], [file]) == []
    assert file.exists()
