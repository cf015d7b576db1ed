"""What a server and its messenger say to each other: lines of JSON, over a socket that only they have."""

from typing import Any, TypeAlias

import msgspec


class MessengerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The first line that a messenger hears."""

    broker_url: str
    node: str
    """What it calls itself at the broker."""
    queues: tuple[str, ...] = ()
    """Which it listens to; none: it only sends."""
    places: int = 1
    """Messages that may be in work at one time."""
    lease_s: float = 60.0
    """Of a step: what the broker's own timeouts are derived from."""
    suspects: tuple[str, ...] = ()
    """Queues that the messenger before this one found lost, or one of which it did."""


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of what follows."""


class TopUp(Line, frozen=True, kw_only=True, tag="top_up"):
    """Server: have that many messages wait in these queues, and say how many there were."""

    number: int
    wanted: dict[str, int]
    bodies: dict[str, dict[str, Any]]
    """By queue."""


class Answer(Line, frozen=True, kw_only=True, tag="answer"):
    """Server: what became of a call."""

    call: int
    outcome: str


class Ready(Line, frozen=True, kw_only=True, tag="ready"):
    """Messenger: the broker is there, and it listens."""


class Call(Line, frozen=True, kw_only=True, tag="call"):
    """Messenger: a message has come."""

    call: int


class Depths(Line, frozen=True, kw_only=True, tag="depths"):
    """Messenger: how many messages waited in each queue before it was topped up."""

    number: int
    waiting: dict[str, int]
    sent: int


class Suspects(Line, frozen=True, kw_only=True, tag="suspects"):
    """Messenger, before it ends: one of these queues does not answer."""

    queues: tuple[str, ...]


ToMessenger: TypeAlias = TopUp | Answer
ToServer: TypeAlias = Ready | Call | Depths | Suspects

_encoder = msgspec.json.Encoder()
read_as_messenger = msgspec.json.Decoder(ToMessenger).decode
read_as_server = msgspec.json.Decoder(ToServer).decode
read_options = msgspec.json.Decoder(MessengerOptions).decode


def written(line: msgspec.Struct) -> bytes:
    """As it goes over the socket."""
    return _encoder.encode(line) + b"\n"
