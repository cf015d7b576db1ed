"""Processes that want the same model at once, and one that is killed while it fetches."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.unit.models.mirrors import CONTENT, catalogue_of, running_mirror, stalling_after, tiny_model

from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSettings:
    """An empty folder, and no proxy between the tests and their own server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return ModelSettings(dir=tmp_path / "models")


PULL_IN_A_PROCESS = """
import sys
from pathlib import Path
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings
from tests.unit.models.mirrors import catalogue_of, tiny_model
folder, url = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
print(ModelStore(ModelSettings(dir=Path(folder)), catalogue_of(tiny_model(url))).pull("tiny"))
"""


def start_puller(folder: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PULL_IN_A_PROCESS, str(folder), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_processes_that_pull_a_model_at_once_share_one_download(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        pullers = [start_puller(settings.dir, upstream.url) for _ in range(3)]
        for puller in pullers:
            assert puller.stdout is not None
            assert puller.stdout.readline() == "ready\n"
        answers = [puller.communicate("go\n") for puller in pullers]
    assert [puller.returncode for puller in pullers] == [0, 0, 0]
    assert {out.strip() for out, _ in answers} == {str(settings.dir / "tiny.onnx")}
    assert len(upstream.ranges) == 1


def test_a_puller_that_is_killed_leaves_no_model_and_does_not_block_the_next_one(
    settings: ModelSettings,
) -> None:
    release, arrived = threading.Event(), threading.Event()
    with running_mirror(stalling_after(1_500_000, release, arrived)) as upstream:
        puller = start_puller(settings.dir, upstream.url)
        assert puller.stdin is not None
        puller.stdin.write("go\n")
        puller.stdin.flush()
        try:
            assert arrived.wait(timeout=30)
            puller.kill()
            puller.communicate()
        finally:
            release.set()
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        assert not store.path("tiny").exists()
        assert store.pull("tiny").read_bytes() == CONTENT
