"""A video job survives the death of everything: SIGKILL to the whole tree, again and again.

Short by default; `STEADFAST_CHAOS_FULL=1` runs the promise itself: two minutes of 640 × 480, 20 kills.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FULL = os.environ.get("STEADFAST_CHAOS_FULL") == "1"
SECONDS, KILLS, SEGMENT_S = (120, 20, 4.0) if FULL else (8, 3, 1.0)
SIZE = (640, 480) if FULL else (320, 240)
WORKERS = 2
RESUMES_WITHIN_S = 5.0
END_WITHIN_S = 1800.0 if FULL else 200.0
PROGRAM = Path(__file__).with_name("video_server.py")
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Run:
    """One life of the server."""

    process: "subprocess.Popen[str]"
    lines: list[dict[str, Any]] = field(default_factory=list)
    errors: Path = Path()
    news: threading.Condition = field(default_factory=threading.Condition)
    reader: threading.Thread = field(default_factory=threading.Thread)

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as told:
            for line in told:
                with self.news:
                    if line.endswith("\n"):  # the last one may be cut off by a kill
                        self.lines.append(json.loads(line))
                    self.news.notify_all()
        self.process.wait()
        with self.news:
            self.news.notify_all()

    def of(self, what: str, kind: str | None = None) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["what"] == what and kind in (None, line.get("kind"))]

    def wait_for(self, what: str, within_s: float, kind: str | None = None) -> bool:
        """Whether that happens before the process ends."""
        with self.news:
            self.news.wait_for(lambda: self.of(what, kind) or self.process.poll() is not None, within_s)
        return bool(self.of(what, kind))

    def kill_everything(self) -> None:
        """SIGKILL to every process of the tree, children first or last as it comes."""
        try:
            leader = psutil.Process(self.process.pid)
            tree = [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            self.reader.join()
            return
        random.shuffle(tree)
        for process in tree:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.reader.join()


def start(data_dir: Path, source: Path, target: Path) -> Run:
    data_dir.mkdir(exist_ok=True)
    errors = data_dir / "errors.txt"
    arguments = [str(data_dir), str(source), str(target), str(WORKERS), str(SEGMENT_S)]
    with errors.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    run = Run(process, errors=errors)
    run.reader = threading.Thread(target=run.read, daemon=True)
    run.reader.start()
    return run


def ended(run: Run) -> dict[str, Any]:
    assert run.wait_for("ended", END_WITHIN_S), run.errors.read_text()[-2000:]
    run.reader.join(60)
    (end,) = run.of("ended")
    assert end["state"] == "succeeded", end
    return end


def packets_of(path: Path) -> str:
    """Digest of the coded pictures with their times."""
    digest = hashlib.sha256()
    with av.open(path) as container:
        for packet in container.demux(video=0):
            if packet.size:
                digest.update(f"{packet.pts} {packet.dts} {packet.is_keyframe} ".encode() + bytes(packet))
    return digest.hexdigest()


def moving_portrait(portrait: Path, output: Path) -> Path:
    """A portrait that sways before the camera, with sound."""
    picture = cv2.resize(np.asarray(cv2.imread(str(portrait))), SIZE)
    with av.open(output, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "50"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        beep = container.add_stream("aac", rate=48_000, layout="mono")
        assert isinstance(beep, AudioStream)
        for number in range(SECONDS * 25):
            shift = np.array([[1, 0, 20 * np.sin(number / 9)], [0, 1, 8 * np.sin(number / 7)]])
            moved = cv2.warpAffine(picture, shift, SIZE, borderMode=cv2.BORDER_REPLICATE)
            frame = VideoFrame.from_ndarray(np.asarray(moved, dtype=np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        hum = np.sin(np.arange(SECONDS * 48_000, dtype=np.float32) / 30).reshape(1, -1)
        sound = AudioFrame.from_ndarray(hum, format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 48_000, 0
        container.mux(beep.encode(sound))
        container.mux(beep.encode(None))
    return output


def corrupt_a_segment(blobs: Path) -> int:
    """Changes one byte in the file of a finished segment, if there is one; how many were changed."""
    for file in sorted(blobs.rglob("*")):
        if file.is_file() and not {"content", ".staging"} & set(file.relative_to(blobs).parts):
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 0xFF
            file.write_bytes(content)
            return 1
    return 0


@pytest.fixture
def target(tmp_path: Path, collins_path: Path) -> Path:
    return moving_portrait(collins_path, tmp_path / "target.mp4")


@pytest.fixture
def undisturbed(tmp_path: Path, hopper_path: Path, target: Path) -> Iterator[dict[str, Any]]:
    run = start(tmp_path / "undisturbed", hopper_path, target)
    try:
        yield ended(run)
    finally:
        run.kill_everything()


def test_a_job_killed_again_and_again_is_the_same_video_for_hardly_more_work(
    tmp_path: Path, hopper_path: Path, target: Path, undisturbed: dict[str, Any]
) -> None:
    moments, kills, corrupted, runs = random.Random(5), 0, 0, []
    # A tenth of what it takes undisturbed: it must not be over before it was killed as often as it should be.
    latest_s = 12.0 if FULL else 0.1 * undisturbed["at_s"]
    while True:
        run = start(tmp_path / "killed", hopper_path, target)
        runs.append(run)
        try:
            assert run.wait_for("started", 180.0) or run.of("ended"), run.errors.read_text()[-2000:]
            if kills == 1:  # once, when there is something to lose and to spoil
                run.wait_for("finished", 60.0, "segment")
            if kills == KILLS or run.wait_for("ended", moments.uniform(0.02, latest_s)):
                end = ended(run)
                break
        finally:
            if not run.of("ended"):
                run.kill_everything()
                kills += 1
                corrupted = corrupted or corrupt_a_segment(tmp_path / "killed" / "blobs")
    assert kills >= min(KILLS, 2), "it was over before it could be disturbed"
    assert packets_of(Path(end["result"])) == packets_of(Path(undisturbed["result"]))
    redone = [line["number"] for run in runs for line in run.of("redone")]
    assert len(redone) == corrupted == 1, "a damaged file is found by its sum before the join"
    finished = [line["number"] for run in runs for line in run.of("finished", "segment")]
    once = range(undisturbed["segments_begun"])
    assert sorted(finished) == sorted([*once, *redone]), "nothing else is done to its end twice"
    begun = sum(len(run.of("started", "segment")) for run in runs)
    assert begun <= undisturbed["segments_begun"] + WORKERS * kills + corrupted
    resumed_s = sorted(run.of("started")[0]["at_s"] for run in runs[1:] if run.of("started"))
    figures = {"kills": kills, "begun": begun, "of": undisturbed["segments_begun"], "resumed_s": resumed_s}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    assert not FULL or resumed_s[-1] < RESUMES_WITHIN_S, "it goes on at once"
