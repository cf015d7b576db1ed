"""The recorded mix: what clients asked, in which order, and how long after one another.

A recording is JSON, `{"span_s": 60.0, "requests": [{"at_s": 0.0, "kind": "swap"}, …]}`; it is played over and
over, faster or slower as the rate wants it. `recording.json` beside this file is a minute of a service that
edits photos, now and then a video, and asks a question about every seventh picture.
"""

from collections.abc import Iterator
from enum import StrEnum
from importlib import resources
from pathlib import Path

import msgspec

from steadfast.errors import InvalidOption


class Kind(StrEnum):
    """What is asked for."""

    SWAP = "swap"
    FACES = "faces"
    ENTAIL = "entail"
    VIDEO = "video"


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it was recorded."""

    at_s: float
    kind: Kind
    picture: int = 0
    """Which of the photos."""


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """A recording."""

    requests: tuple[Recorded, ...]
    span_s: float
    """After which it begins again."""

    @property
    def rate_per_s(self) -> float:
        """As it was recorded."""
        return len(self.requests) / self.span_s

    def at_rate(self, rate_per_s: float) -> Iterator[tuple[float, Recorded]]:
        """Requests with the second at which each is due, for ever."""
        scale, begun_s = self.rate_per_s / rate_per_s, 0.0
        while True:
            for request in self.requests:
                yield begun_s + request.at_s * scale, request
            begun_s += self.span_s * scale

    def only(self, kinds: frozenset[Kind]) -> "Mix":
        """Without what the service does not do."""
        kept = tuple(request for request in self.requests if request.kind in kinds)
        return Mix(requests=kept, span_s=self.span_s)


def built_in_mix() -> Mix:
    """The recording that comes with the package."""
    return _decode(
        resources.files("steadfast.drill").joinpath("recording.json").read_bytes(), "recording.json"
    )


def read_mix(file: Path) -> Mix:
    """A recording of one's own. Raises `InvalidOption`."""
    try:
        return _decode(file.read_bytes(), str(file))
    except OSError as error:
        raise InvalidOption(f"The recording {file} cannot be read ({error.strerror}).") from error


def _decode(content: bytes, name: str) -> Mix:
    try:
        mix = msgspec.json.decode(content, type=Mix)
    except msgspec.MsgspecError as error:
        raise InvalidOption(
            f"{name} is no recording of traffic: {error}.",
            remedy='Write it like {"span_s": 2.0, "requests": [{"at_s": 0.0, "kind": "swap"}]}.',
        ) from error
    if not mix.requests or mix.span_s <= 0:
        raise InvalidOption(f"The recording {name} holds no requests.")
    return mix
