"""The journal: what a request leaves on disk before work begins, by a plain `write()` that survives SIGKILL.

A life of a server writes one file after another, `<life>-<number>.journal`; a file that is closed is folded
into the database and removed. What is still open at a change of files is written again at the head of the
next, so each file stands for itself: an unfinished request in the last file of a life that is over was lost
with it. A lock that ends with the process says which lives last.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from steadfast.errors import OutputUnwritable
from steadfast.sla.frames import Frame, FrameKind, FrameWriter, simple_frame

SUFFIX: Final = ".journal"
_MOST_KEPT_BYTES: Final = 16 << 20


def unix_us() -> int:
    """Now, as frames say it."""
    return time.time_ns() // 1000


class Journal:
    """Writes; lives on one thread. A disk that is full delays a frame and never fails a request."""

    def __init__(self, folder: Path, *, now_us: Callable[[], int] = unix_us) -> None:
        """Raises `OutputUnwritable` where the folder cannot be written."""
        self._folder = folder
        self._now_us = now_us
        # Where several write into one database, two containers may have the same pid at the same moment.
        self.life = f"{now_us():017d}-{os.getpid()}-{secrets.token_hex(3)}"
        self._number = 0
        self._open: dict[int, int] = {}
        self._kept = bytearray()
        self.lost_frames = 0
        """That neither the disk nor memory had room for."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = self._begin()
        except OSError as error:
            raise OutputUnwritable(f"The journal {folder} cannot be written: {error.strerror}.") from error
        self._writer = FrameWriter()

    def say(self, kind: FrameKind) -> None:
        """That the server listens, lives, or ends in order."""
        self._write(simple_frame(kind, self._now_us()))

    def started(self, serial: int) -> None:
        """A request has come; call it before anything is done for it."""
        at_us = self._open[serial] = self._now_us()
        self._write(simple_frame(FrameKind.START, at_us, serial))

    def write(self, frame: Frame) -> None:
        """Anything else; the end of a request takes it off those that are open."""
        if frame.kind is FrameKind.END:
            self._open.pop(frame.serial, None)
        self._write(self._writer.frame(frame))

    def turn(self) -> list[Path]:
        """Begins a new file; the answer are the closed ones of this life. On a full disk nothing changes."""
        try:
            fd = self._begin()
        except OSError:
            return []
        self._flush()
        os.close(self._fd)
        self._fd, self._writer = fd, FrameWriter()
        self.say(FrameKind.BEAT)  # before what is carried over, which is older
        for serial, at_us in self._open.items():
            self._write(simple_frame(FrameKind.START, at_us, serial))
        return [self._file(number) for number in range(self._number) if self._file(number).exists()]

    def close(self) -> None:
        """Ends this life in order."""
        self.say(FrameKind.STOPPED)
        os.close(self._fd)

    def _begin(self) -> int:
        number = self._number
        while self._file(number).exists():
            number += 1
        fd = os.open(
            self._file(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._number = number
        return fd

    def _file(self, number: int) -> Path:
        return self._folder / f"{self.life}-{number:06d}{SUFFIX}"

    def _write(self, frame: bytes) -> None:
        if self._kept:
            self._keep(frame)
            self._flush()
            return
        try:
            written = os.write(self._fd, frame)
        except OSError:
            written = 0
        if written < len(frame):
            self._keep(frame[written:])

    def _keep(self, frame: bytes) -> None:
        if len(self._kept) > _MOST_KEPT_BYTES:
            self.lost_frames += 1
        else:
            self._kept += frame

    def _flush(self) -> None:
        if not self._kept:
            return
        try:
            written = os.write(self._fd, self._kept)
        except OSError:
            return
        del self._kept[:written]


def life_of(file: Path) -> str:
    """Whose file it is."""
    return file.stem.rpartition("-")[0]


def journal_files(folder: Path) -> list[Path]:
    """Every file that is there, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def is_being_written(file: Path) -> bool:
    """Whether the process that writes it lives."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
