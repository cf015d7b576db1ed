"""Inputs that kill: counted by fingerprint, refused after the second death, forgotten after a while.

Only deaths that are attributed to an input count here (`ExitReport.fault`). A digest of a megabyte costs as
much as the rest of serving it, so it is only taken when something with the same task, size and options has
killed before.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from steadfast.errors import PoisonInput

_MOST_REMEMBERED = 10_000

Parts: TypeAlias = Sequence[bytes | bytearray | memoryview]


@dataclass(frozen=True)
class Outline:
    """What can be told of an input without reading it."""

    task: str
    fields: bytes
    """The encoded options."""
    sizes: tuple[int, ...]
    """Bytes of each blob."""


@dataclass(kw_only=True)
class _Suspect:
    deaths: int
    expires_at_s: float


class PoisonRegister:
    """Remembers which inputs killed, and how often."""

    def __init__(self, *, deaths: int, forget_s: float, clock: Callable[[], float]) -> None:
        self._deaths = deaths
        self._forget_s = forget_s
        self._clock = clock
        self._suspects: dict[str, _Suspect] = {}
        self._outlines: dict[Outline, int] = {}
        self._outline_of: dict[str, Outline] = {}

    def __len__(self) -> int:
        """Inputs that have killed at least once."""
        return len(self._suspects)

    def may_know(self, outline: Outline) -> bool:
        """Whether an input of this outline has killed, so that its fingerprint is worth its price."""
        return outline in self._outlines

    def check(self, fingerprint: str) -> None:
        """Raises `PoisonInput` if this input killed as often as is allowed."""
        suspect = self._living(fingerprint)
        if suspect is not None and suspect.deaths >= self._deaths:
            raise PoisonInput(
                f"This input ended {suspect.deaths} workers, each while it was alone in it; it is refused."
            )

    def count_death(self, fingerprint: str, outline: Outline) -> bool:
        """Counts one death; the answer is whether the input is refused from now on."""
        suspect = self._living(fingerprint)
        deaths = suspect.deaths + 1 if suspect else 1
        if suspect is None:
            self._make_room()
            self._outlines[outline] = self._outlines.get(outline, 0) + 1
            self._outline_of[fingerprint] = outline
        self._suspects[fingerprint] = _Suspect(deaths=deaths, expires_at_s=self._clock() + self._forget_s)
        return deaths >= self._deaths

    def clear(self, fingerprint: str) -> None:
        """It was answered after all: what killed was something else."""
        if self._suspects.pop(fingerprint, None) is None:
            return
        outline = self._outline_of.pop(fingerprint)
        self._outlines[outline] -= 1
        if not self._outlines[outline]:
            del self._outlines[outline]

    @property
    def refused(self) -> int:
        """Inputs that are refused now."""
        living = [self._living(fingerprint) for fingerprint in tuple(self._suspects)]
        return sum(suspect.deaths >= self._deaths for suspect in living if suspect is not None)

    def _living(self, fingerprint: str) -> _Suspect | None:
        suspect = self._suspects.get(fingerprint)
        if suspect is not None and suspect.expires_at_s <= self._clock():
            self.clear(fingerprint)
            return None
        return suspect

    def _make_room(self) -> None:
        """Forgets the oldest: whoever sends killers without end must not fill the server's memory."""
        if len(self._suspects) >= _MOST_REMEMBERED:
            self.clear(next(iter(self._suspects)))


def fingerprint(outline: Outline, blobs: Sequence[Parts | Path]) -> str:
    """sha256 over the task, the options and every byte of the blobs, with their borders."""
    digest = hashlib.sha256(outline.task.encode() + b"\0" + outline.fields)
    for blob in blobs:
        if isinstance(blob, Path):
            digest.update(f"\0file {_size_of(blob)}\0".encode())
            _add_file(digest, blob)
        else:
            digest.update(f"\0blob {sum(map(len, blob))}\0".encode())
            for part in blob:
                digest.update(part)
    return digest.hexdigest()


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _add_file(digest: "hashlib._Hash", path: Path) -> None:
    if path.exists():
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
