"""Every fault that there is: the built-in ones, and those of third parties (`steadfast.drill_faults`)."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

from steadfast.drill.fault import Fault
from steadfast.drill.faults import memory, models, requests, server, stores, surroundings, workers
from steadfast.errors import InvalidOption

GROUP = "steadfast.drill_faults"
"""Entry points: classes derived from `Fault`."""
BUILT_IN: tuple[type[Fault], ...] = (
    *workers.FAULTS,
    *memory.FAULTS,
    *models.FAULTS,
    *requests.FAULTS,
    *stores.FAULTS,
    *server.FAULTS,
    *surroundings.FAULTS,
)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_log = logging.getLogger(__name__)


def known_faults(points: Sequence[EntryPoint] | None = None) -> dict[str, type[Fault]]:
    """By name, built-in ones first."""
    found = {fault.name: fault for fault in BUILT_IN}
    for fault in foreign_faults(points):
        found.setdefault(fault.name, fault)
    return found


def foreign_faults(points: Sequence[EntryPoint] | None = None) -> Iterable[type[Fault]]:
    """Those of third parties; what is none is passed over, and the log says so."""
    for point in points if points is not None else entry_points(group=GROUP):
        try:
            kind = point.load()
            if not (issubclass(kind, Fault) and _NAME.fullmatch(kind.name)):
                raise TypeError(f"{point.value} is no Fault with a kebab-case name")
        except Exception:  # noqa: BLE001 — anybody's code: its fault becomes a line in the log
            _log.exception("fault not loaded", extra={"where": point.value})
            continue
        yield kind


def chosen(faults: Mapping[str, type[Fault]], names: Sequence[str]) -> list[type[Fault]]:
    """Those of these names, or all. Raises `InvalidOption` for a name that no fault has."""
    unknown = [name for name in names if name not in faults]
    if unknown:
        raise InvalidOption(
            f"There is no fault {unknown[0]!r}.", remedy="`steadfast drill --list` names them all."
        )
    return [fault for name, fault in faults.items() if not names or name in names]
