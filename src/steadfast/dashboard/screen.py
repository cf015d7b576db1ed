"""The whole screen: which part gets how many rows, at any size of the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from steadfast.dashboard import panels
from steadfast.dashboard.panels import WIDE_COLUMNS, Look, rows_of
from steadfast.observability.status.document import ServiceStatus

_TRAFFIC_LINES: Final = 4
_COMPACT_BELOW_ROWS: Final = 34
_LEAST_ROWS: Final = 9
_PUBLIC: Final = "Only what everybody may see: set STEADFAST_KEY to a key with the scope admin."


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """How things stand between the dashboard and the service."""

    url: str
    trouble: str = ""
    """Why what is shown is old; empty: it is not."""
    age_s: float = 0.0
    """Of what is shown."""


def frame(status: ServiceStatus, connection: Connection, width: int, *, ascii_only: bool = False) -> Group:
    """Everything at its full height, for one look."""
    look, everything = Look(ascii_only=ascii_only), 1 << 16
    parts: list[RenderableType] = [panels.header(status, connection.url)]
    if status.reasons:
        parts.append(panels.reasons(status))
    if not status.is_whole:
        incidents = panels.incidents(status, everything, look)
        return Group(*parts, panels.queue(status, everything, look), incidents, Text(_PUBLIC))
    side = _queue_columns(width)
    top = Table.grid(expand=True)
    top.add_column(width=width - side)
    top.add_column(width=side)
    top.add_row(panels.traffic(status, width - side, look), panels.queue(status, everything, look))
    return Group(
        *parts,
        top,
        panels.workers(status, everything, width, look),
        panels.incidents(status, everything, look),
        panels.jobs(status, everything, width, look),
        panels.devices(status),
    )


def screen(
    status: ServiceStatus, connection: Connection, width: int, height: int, *, ascii_only: bool = False
) -> Layout:
    """Everything in exactly that many rows; what has no room is cut, and says how much there is."""
    look = Look(is_compact=height < _COMPACT_BELOW_ROWS, ascii_only=ascii_only)
    rows: list[tuple[RenderableType, int]] = [(panels.header(status, connection.url), 1)]
    if status.reasons:
        rows.append((panels.reasons(status), 1))
    foot: list[tuple[RenderableType, int]] = [(_footer(status, connection), 1)]
    if status.is_whole and height >= 20:
        foot.insert(0, (panels.devices(status), 1))
    left = height - len(rows) - len(foot)
    if left >= _LEAST_ROWS:
        body = _body if status.is_whole else _public_body
        rows += body(status, width, left, look)
    else:
        rows.append((Text(f"{width} by {height} is too small for more.", "dim"), max(1, left)))
    layout = Layout()
    layout.split_column(*[Layout(part, size=size) for part, size in [*rows, *foot] if size > 0])
    return layout


def waiting_screen(connection: Connection) -> Layout:
    """Before the first answer."""
    layout = Layout()
    told = Text(f"Waiting for {connection.url} …\n{connection.trouble}")
    layout.split_column(Layout(told), Layout(Text("q quits", "dim"), size=1))
    return layout


def _public_body(
    status: ServiceStatus, _width: int, rows: int, look: Look
) -> list[tuple[RenderableType, int]]:
    wanted = [rows_of(len(status.tasks), look), rows_of(len(status.incidents), look)]
    of_tasks, of_incidents = shared_out(rows, wanted)
    return [
        (panels.queue(status, of_tasks, look), of_tasks),
        (panels.incidents(status, of_incidents, look), of_incidents),
    ]


def _body(status: ServiceStatus, width: int, rows: int, look: Look) -> list[tuple[RenderableType, int]]:
    top_rows = _TRAFFIC_LINES + look.chrome_rows
    if rows < top_rows + 2 * _LEAST_ROWS // 3:
        return [(panels.traffic(status, width, look), rows)]
    side = _queue_columns(width)
    top = Layout()
    top.split_row(
        Layout(panels.traffic(status, width - side - 1, look), size=width - side),
        Layout(panels.queue(status, top_rows, look), size=side),
    )
    rest = _wide_rest if width >= WIDE_COLUMNS else _narrow_rest
    return [(top, top_rows), *rest(status, width, rows - top_rows, look)]


def _narrow_rest(
    status: ServiceStatus, width: int, rows: int, look: Look
) -> list[tuple[RenderableType, int]]:
    of_workers, of_incidents, of_jobs = shared_out(rows, _wanted(status, look))
    return [
        (panels.workers(status, of_workers, width, look), of_workers),
        (panels.incidents(status, of_incidents, look), of_incidents),
        (panels.jobs(status, of_jobs, width, look), of_jobs),
    ]


def _wide_rest(status: ServiceStatus, width: int, rows: int, look: Look) -> list[tuple[RenderableType, int]]:
    """Incidents and jobs beside each other."""
    workers, incidents, jobs = _wanted(status, look)
    of_workers, below = shared_out(rows, [workers, max(incidents, jobs)])
    half = width // 2
    pair = Layout()
    pair.split_row(
        Layout(panels.incidents(status, below, look), size=width - half),
        Layout(panels.jobs(status, below, half, look), size=half),
    )
    return [(panels.workers(status, of_workers, width, look), of_workers), (pair, below)]


def _wanted(status: ServiceStatus, look: Look) -> list[int]:
    jobs = len(status.jobs.latest) if status.jobs is not None else 0
    counts = len(status.workers), len(status.incidents) + len(status.probes), jobs
    return [rows_of(count, look) for count in counts]


def shared_out(rows: int, wanted: Sequence[int]) -> list[int]:
    """`rows` among parts that want so many each: what one does not want the others get, the last the rest."""
    given = [0] * len(wanted)
    open_parts = [part for part, _ in enumerate(wanted)]
    left = rows
    while open_parts and left > 0:
        share = max(1, left // len(open_parts))
        for part in list(open_parts):
            more = min(share, wanted[part] - given[part], left)
            given[part] += more
            left -= more
            if given[part] >= wanted[part]:
                open_parts.remove(part)
    given[-1] += left
    return given


def _queue_columns(width: int) -> int:
    return max(38, min(60, width * 9 // 20))


def _footer(status: ServiceStatus, connection: Connection) -> Text:
    if connection.trouble:
        told = f"reconnecting: {connection.trouble} What is shown is {connection.age_s:.0f} s old."
        return Text(told, "bold red", no_wrap=True, overflow="ellipsis")
    if not status.is_whole:
        return Text(f"{_PUBLIC}  q quits", "yellow", no_wrap=True, overflow="ellipsis")
    return Text("q quits", "dim")
