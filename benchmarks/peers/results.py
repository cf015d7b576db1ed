"""What was measured, as files beside the code: one per server, one entry per scenario."""

from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parent / "results"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario on one server."""

    scenario: str
    figures: dict[str, Any]
    """Of the scenario's own type, see `scenarios`."""
    day: str
    commit: str
    cores: int
    machine: str
    load: float
    """Load average of the machine just after it."""
    nice: int
    """Priority of clients and server; below 0 where other work ran beside them."""


def read(server: str) -> dict[str, Measured]:
    """By scenario; empty where nothing was measured."""
    file = FOLDER / f"{server}.json"
    if not file.exists():
        return {}
    return {one.scenario: one for one in msgspec.json.decode(file.read_bytes(), type=list[Measured])}


def write(server: str, measured: Measured) -> None:
    """In place of what was measured of that scenario before."""
    kept = read(server) | {measured.scenario: measured}
    FOLDER.mkdir(exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(list(kept.values())), indent=1)
    (FOLDER / f"{server}.json").write_bytes(text + b"\n")
