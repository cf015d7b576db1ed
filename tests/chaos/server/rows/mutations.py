"""Row: uploads that are broken in every way that disks, networks and attackers break them."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tests.chaos.server.live_service import live_service
from tests.chaos.server.traffic import Answer, Ask, Client, face, listing, swap
from tests.picture_files import animation, deep, encoded, turned
from tests.video_files import make_video

from steadfast.errors import CallerError

_WORDS = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
_HEADER_BYTES = 640
_CLIENTS = 4


@dataclass(frozen=True, kw_only=True)
class Mutations:
    """What mutated uploads were answered."""

    pictures: int
    videos: int
    answers: dict[str, int]
    """By status and code."""
    undeclared: tuple[str, ...]
    """Everything that is neither 200 nor a declared error of the caller."""
    server_untouched: bool
    worker_deaths: int

    def __str__(self) -> str:
        counted = ", ".join(f"{count} × {name}" for name, count in self.answers.items())
        return (
            f"{self.pictures} pictures, {self.videos} videos: {counted}; {len(self.undeclared)} undeclared; "
            f"{self.worker_deaths} workers fell; server untouched: {self.server_untouched}"
        )


async def send_mutations(folder: Path, *, pictures: int, videos: int, seed: int = 2026) -> Mutations:
    """Every fifth goes to `/v1/swap`, the others to `/v1/faces`."""
    rng = random.Random(seed)
    originals, clips = _pictures(), _videos(folder)
    bodies = [_mutated(rng, originals) for _ in range(pictures)] + [
        _mutated(rng, clips) for _ in range(videos)
    ]
    requests = [swap(body) if number % 5 == 0 else listing(body) for number, body in enumerate(bodies)]
    with live_service(folder) as service:
        before = service.server_pid
        answers = await _ask_all(service.port, requests)
        untouched = service.server_pid == before
        deaths = len(service.told("worker_died"))
    declared = _declared()
    return Mutations(
        pictures=pictures,
        videos=videos,
        answers=dict(Counter(f"{answer.status} {answer.code}".strip() for answer in answers).most_common()),
        undeclared=tuple(
            f"{answer.status} {answer.body[:200]!r}"
            for answer in answers
            if answer.status != 200 and (answer.status, answer.code) not in declared
        ),
        server_untouched=untouched,
        worker_deaths=deaths,
    )


async def _ask_all(port: int, requests: Sequence[Ask]) -> list[Answer]:
    answers: list[Answer] = []
    waiting = iter(requests)

    async def work() -> None:
        client = Client(port)
        for request in waiting:
            answers.append(await client.send(request))
        await client.close()

    await asyncio.gather(*(work() for _ in range(_CLIENTS)))
    return answers


def _declared() -> set[tuple[int, str]]:
    def below(kind: type[CallerError]) -> set[tuple[int, str]]:
        own = {(kind.status, kind.code)}
        return own.union(*(below(child) for child in kind.__subclasses__()))

    return {(status, code) for status, code in below(CallerError) if 400 <= status < 500}


def _pictures() -> list[bytes]:
    drawn = [encoded(codec) for codec in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")]
    pixels = cv2.imdecode(np.frombuffer(face(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    real = [cv2.imencode(suffix, pixels)[1].tobytes() for suffix in (".jpg", ".png", ".webp")]
    return [face(), *real, *drawn, turned(6), animation(), deep(".png")]


def _videos(folder: Path) -> list[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    return [make_video(folder / f"clip{suffix}").read_bytes() for suffix in (".mp4", ".mkv")]


def _mutated(rng: random.Random, originals: Sequence[bytes]) -> bytes:
    content = rng.choice(originals)
    for _ in range(rng.randint(1, 4)):
        content = _mutate(rng, content, originals) or content
    return content


def _mutate(rng: random.Random, data: bytes, originals: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data))
    if rng.random() < 0.5:
        at = rng.randrange(min(len(data), _HEADER_BYTES))  # where the fields lie that decoders trust
    behind = at + rng.randint(1, 5000)
    word = rng.choice((*_WORDS, rng.randbytes(24)))
    ways = (
        data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :],
        data[:at] + word + data[at + len(word) :],
        data[:at],
        data[:at] + data[behind:],
        data[:at] + word + data[at:],
        data[:behind] + data[at:],
        data[:at] + rng.choice(originals)[at:],
    )
    return rng.choice(ways)
