"""The journal is there after any death, and a damaged piece of it costs itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.sla.house import LedgerHouse

from steadfast.errors import OutputUnwritable
from steadfast.sla.frames import FRAME_BYTES, Frame, FrameKind, FrameWriter, read_frames, simple_frame
from steadfast.sla.journal import Journal, is_being_written, journal_files

_WRITES_AND_WAITS = """
import sys, time
from pathlib import Path
from steadfast.sla.frames import Frame, FrameKind
from steadfast.sla.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.say(FrameKind.LISTENING)
for serial in range(1000):
    journal.started(serial)
    if serial % 2:
        journal.write(Frame(kind=FrameKind.END, at_us=journal._now_us(), serial=serial, task="face_swap"))
print("written", flush=True)
time.sleep(600)
"""


def _end(**fields: object) -> Frame:
    return Frame(kind=FrameKind.END, at_us=7, **fields)  # type: ignore[arg-type]


def test_what_was_written_comes_back_with_its_names() -> None:
    writer = FrameWriter()
    written = [
        _end(serial=1, task="face_swap", engine="standard", key="k1", took_us=5, status=200),
        _end(serial=2, task="face_swap", code="Überlast", outcome=5, attempts=999, queue_us=1 << 40),
    ]
    first, second = read_frames(b"".join(map(writer.frame, written)))
    assert first == written[0]
    assert (second.code, second.attempts, second.queue_us) == ("Überlast", 255, 0xFFFFFFFF)


def test_a_name_that_is_too_long_is_cut_between_letters() -> None:
    (frame,) = read_frames(FrameWriter().frame(_end(code="a" * 31 + "ü")))
    assert frame.code == "a" * 31


def test_a_reading_keeps_its_value() -> None:
    written = Frame(kind=FrameKind.READING, at_us=1, engine="neural", value=-0.125, size_class=2)
    assert list(read_frames(FrameWriter().frame(written))) == [written]


@pytest.mark.parametrize("place", [0, 11, FRAME_BYTES - 1])
def test_a_damaged_frame_costs_itself_alone(place: int) -> None:
    frames = bytearray(b"".join(simple_frame(FrameKind.START, at, at) for at in (1, 2, 3)))
    frames[FRAME_BYTES + place] ^= 0x40
    assert [frame.serial for frame in read_frames(bytes(frames))] == [1, 3]


def test_a_torn_end_and_a_stretch_of_zeros_are_passed_over() -> None:
    whole = simple_frame(FrameKind.START, 1, 1)
    frames = list(read_frames(whole + bytes(FRAME_BYTES) + whole + whole[:20]))
    assert len(frames) == 2


def test_what_a_killed_process_wrote_is_there_to_the_last_frame(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITES_AND_WAITS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        (file,) = journal_files(tmp_path)
        assert is_being_written(file)
        process.send_signal(signal.SIGKILL)
    assert not is_being_written(file)
    kinds = [frame.kind for frame in read_frames(file.read_bytes())]
    assert kinds.count(FrameKind.START) == 1000
    assert kinds.count(FrameKind.END) == 500


def test_a_full_disk_delays_frames_and_fails_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, now_us=lambda: 5)
    with monkeypatch.context() as full:
        full.setattr(os, "write", _no_room)
        journal.started(1)
        journal.started(2)
    journal.started(3)
    journal.close()
    (file,) = journal_files(tmp_path)
    assert [frame.serial for frame in read_frames(file.read_bytes())] == [1, 2, 3, 0]


def test_a_write_that_was_cut_short_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, now_us=lambda: 5)
    write = os.write
    with monkeypatch.context() as nearly_full:
        nearly_full.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        journal.started(1)
    journal.started(2)
    journal.close()
    (file,) = journal_files(tmp_path)
    assert [frame.serial for frame in read_frames(file.read_bytes())] == [1, 2, 0]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file")
    with pytest.raises(OutputUnwritable):
        Journal(tmp_path / "ledger")


def test_an_unfinished_request_goes_on_in_the_next_file(house: LedgerHouse) -> None:
    house.answer()
    serials = house.begin(3)
    house.wait(1)
    assert house.journal is not None
    house.journal.turn()
    assert house.fold() == 1
    house.end(serials[:2])
    house.kill()
    assert house.report().outcomes == {"ok": 2, "lost": 1}
    house.fold()
    assert house.report().outcomes == {"ok": 2, "lost": 1}
    assert house.report().absences == []


def _no_room(_fd: int, _data: bytes) -> int:
    raise OSError(28, "No space left on device")
