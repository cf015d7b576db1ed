"""The parts of the screen, each made from the status for a number of rows and columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.box import ASCII, ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from steadfast.dashboard.quantities import duration, per_second, percent, plain, size, sparkline
from steadfast.observability.status.document import (
    IncidentStatus,
    JobStatus,
    ServiceStatus,
    TaskStatus,
    WorkerStatus,
)

_GOOD, _WARN, _BAD, _QUIET = "green", "yellow", "red", "dim"
_SIGNS: Final = {_GOOD: "●", _WARN: "▲", _BAD: "■", _QUIET: "○"}
"""Beside the colour, for those who see none."""
_WORDS: Final = {"healthy": _GOOD, "degraded": _WARN, "starting": _WARN, "stopping": _WARN}
_STATES: Final = {
    "ready": _GOOD,
    "busy": _GOOD,
    "running": _GOOD,
    "queued": _QUIET,
    "starting": _WARN,
    "loading": _WARN,
    "paused": _WARN,
}
_GRADES: Final = {"warning": _WARN, "unknown": _WARN, "info": _QUIET}
WIDE_COLUMNS: Final = 110
"""From here on there is room for more columns, and for two panels beside each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How parts are drawn."""

    is_compact: bool = False
    """A line above each part instead of a frame around it: for few rows."""
    ascii_only: bool = False

    @property
    def chrome_rows(self) -> int:
        """Rows of a part that are not its content."""
        return 1 if self.is_compact else 2


def lit(words: str, style: str) -> Text:
    """Words with their light."""
    return Text(f"{_SIGNS[style]} {plain(words)}", style)


def header(status: ServiceStatus, url: str) -> Table:
    """Who it is and how it is, in one line."""
    line = Table.grid(expand=True, padding=(0, 2))
    line.add_column(no_wrap=True)
    line.add_column(no_wrap=True)
    line.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    line.add_column(no_wrap=True, justify="right")
    name = Text.assemble(("Steadfast", "bold"), f" {plain(status.version)}" if status.version else "")
    word = lit(status.word, _WORDS.get(status.word, _BAD))
    word.stylize("bold")
    up = f"up {duration(status.uptime_s)}" if status.is_whole else ""
    line.add_row(name, word, Text(plain(url), _QUIET), Text(up, _QUIET))
    return line


def reasons(status: ServiceStatus) -> Text:
    """Why it is not healthy, in one line."""
    told = "; ".join(map(plain, status.reasons))
    return Text(told, _WORDS.get(status.word, _BAD), no_wrap=True, overflow="ellipsis")


def traffic(status: ServiceStatus, width: int, look: Look) -> RenderableType:
    """The last two minutes: requests, failures, durations."""
    figures = status.traffic
    if figures is None:
        return _part("Requests", Text("An administrator's key shows them.", _QUIET), look)
    rows = [
        ("rate", figures.rate, per_second(figures.requests / figures.window_s), ""),
        ("failed", figures.failed, _share_failed(figures.failures, figures.requests), _BAD),
        ("median", figures.p50_s, duration(figures.window_p50_s), ""),
        ("p90", figures.p90_s, duration(figures.window_p90_s), ""),
    ]
    label, told = 6, 7
    line_width = max(0, width - label - told - 6)  # two gaps, two edges and what pads them
    table = Table.grid(padding=(0, 1))
    for name, values, latest, style in rows:
        bad = style if style and figures.failures else "cyan"
        drawn = Text(sparkline(values, line_width, ascii_only=look.ascii_only), bad)
        table.add_row(Text(name.ljust(label), _QUIET), drawn, Text(latest.rjust(told), "bold"))
    return _part("Requests, 2 min (figures: 1 min)", table, look)


def _share_failed(failures: int, requests: int) -> str:
    return f"{failures / requests * 100:.1f} %" if requests else "–"


def queue(status: ServiceStatus, rows: int, look: Look) -> RenderableType:
    """How ready each task is, and what waits (i: interactive, s: standard, b: batch)."""
    table = _table("Task", ("Busy", True), ("Waiting", True), ("Oldest", True))
    lines = [_queue_line(task) for task in status.tasks]
    return _filled("Queue", table, lines, rows=rows, nothing="No task is served.", look=look)


def _queue_line(task: TaskStatus) -> list[RenderableType]:
    style = _BAD if not task.ready else _WARN if task.degraded or task.breaker == "half_open" else _GOOD
    waiting = sum(line.waiting for line in task.queue)
    # As letters of interactive, standard and batch, where anybody waits.
    parted = " ".join(f"{line.priority[:1]}{line.waiting}" for line in task.queue if line.waiting)
    oldest = max((line.oldest_s for line in task.queue), default=0.0)
    return [
        lit(task.name, style),
        f"{task.busy}/{task.able}",
        Text(parted or "0", _WARN if waiting else ""),
        duration(oldest) if waiting else "–",
    ]


def workers(status: ServiceStatus, rows: int, width: int, look: Look) -> RenderableType:
    """Every worker, one line each."""
    if not status.is_whole:
        return _part("Workers", Text("An administrator's key shows them.", _QUIET), look)
    wide = width >= WIDE_COLUMNS
    more: list[str | tuple[str, bool]] = (
        [("Device mem", True), ("Silent", True), ("Step", True)] if wide else []
    )
    table = _table(
        "Task", "Place", "State", ("CPU", True), ("RSS", True), ("Served", True), ("Deaths", True),
        ("Up", True), *more,
    )  # fmt: skip
    lines = [_worker_line(worker, wide=wide) for worker in status.workers]
    return _filled("Workers", table, lines, rows=rows, nothing="No worker lives.", look=look)


def _worker_line(worker: WorkerStatus, *, wide: bool) -> list[RenderableType]:
    line: list[RenderableType] = [
        plain(worker.task),
        plain(worker.place),
        lit(worker.state, _STATES.get(worker.state, _BAD)),
        percent(worker.cpu),
        size(worker.rss_bytes),
        str(worker.served),
        Text(str(worker.deaths), _BAD if worker.deaths else ""),
        duration(worker.age_s),
    ]
    if wide:
        step = Text(str(worker.level), _WARN if worker.level else "")
        line += [size(worker.device_bytes), duration(worker.silent_s), step]
    return line


def incidents(status: ServiceStatus, rows: int, look: Look) -> RenderableType:
    """What is wrong and lasts, and readings that are not as they should be."""
    lines = [_incident_line(one, status.at_s) for one in status.incidents]
    for probe in status.probes:
        about = " ".join(filter(None, (probe.subject, probe.note)))
        value = f"{probe.value:.3g} {probe.unit}" if probe.value is not None else ""
        grade = lit(probe.status, _GRADES.get(probe.status, _BAD))
        lines.append([grade, plain(probe.probe), "probe", plain(f"{value} {about}".strip())])
    table = _table("Severity", "Kind", "For", "About", show_header=bool(lines))
    return _filled("Incidents", table, lines, rows=rows, nothing="Nothing is wrong.", look=look)


def _incident_line(incident: IncidentStatus, now_s: float) -> list[RenderableType]:
    about = ": ".join(filter(None, (incident.subject, incident.evidence)))
    return [
        lit(incident.severity, _GRADES.get(incident.severity, _BAD)),
        plain(incident.kind),
        duration(max(0.0, now_s - _moment(incident.since))),
        plain(about),
    ]


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def jobs(status: ServiceStatus, rows: int, width: int, look: Look) -> RenderableType:
    """Jobs that are not over, with a bar each."""
    if status.jobs is None:
        return _part("Jobs", Text("They are switched off, or cannot be asked for.", _QUIET), look)
    counts = ", ".join(f"{count} {state}" for state, count in status.jobs.counts.items())
    table = _table("Job", "State", "Done", ("", True), ("Left", True), "Held")
    bar_width = max(6, min(24, width - 60))
    lines = [_job_line(job, bar_width) for job in status.jobs.latest]
    return _filled(f"Jobs: {plain(counts)}", table, lines, rows=rows, nothing="No job is open.", look=look)


def _job_line(job: JobStatus, bar_width: int) -> list[RenderableType]:
    full = round(job.share * bar_width)
    bar = Text.assemble(("━" * full, "cyan"), ("━" * (bar_width - full), _QUIET))
    return [
        plain(job.id),
        lit(job.state, _STATES.get(job.state, _QUIET)),
        bar,
        percent(job.share),
        duration(job.left_s),
        plain(job.held),
    ]


def devices(status: ServiceStatus) -> Text:
    """Accelerators and the server itself, in one line."""
    told = [
        f"{plain(one.name)} {percent(one.utilisation)}, {size(one.memory_used_bytes)} of "
        f"{size(one.memory_total_bytes)}"
        for one in status.devices
    ]
    told.append(
        f"server {size(status.server_rss_bytes)}, CPU {percent(status.server_cpu)}, "
        f"{status.probes_ok} probes fine"
    )
    return Text(" · ".join(told), _QUIET, no_wrap=True, overflow="ellipsis")


# --- tables in frames ------------------------------------------------------------------------------------


def _table(*columns: str | tuple[str, bool], show_header: bool = True) -> Table:
    """Columns by name; with True: of numbers."""
    table = Table(
        box=None, pad_edge=False, padding=(0, 1), expand=True, header_style=_QUIET, show_header=show_header
    )
    for column in columns:
        name, is_number = column if isinstance(column, tuple) else (column, False)
        table.add_column(
            name,
            justify="right" if is_number else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if name in _STRETCHED else None,
        )
    return table


_STRETCHED: Final = frozenset({"About", "Held"})


def _filled(
    title: str,
    table: Table,
    lines: Sequence[Sequence[RenderableType]],
    *,
    rows: int,
    nothing: str,
    look: Look,
) -> RenderableType:
    """As many lines as fit into `rows` of the screen; the title says how many there are."""
    if not lines:
        return _part(title, Text(nothing, _QUIET), look)
    if rows - look.chrome_rows < 2:
        table.show_header = False  # rather a line than the names of its columns
    room = max(1, rows - look.chrome_rows - table.show_header)
    for line in lines[:room]:
        table.add_row(*[Text(one) if isinstance(one, str) else one for one in line])
    told = f"{title} ({room} of {len(lines)} shown)" if len(lines) > room else title
    return _part(told, table, look)


def _part(title: str, content: RenderableType, look: Look) -> RenderableType:
    heading = Text(title, "bold", no_wrap=True, overflow="ellipsis")
    if look.is_compact:
        characters = "-" if look.ascii_only else "─"
        return Group(Rule(heading, align="left", style=_QUIET, characters=characters), content)
    box = ASCII if look.ascii_only else ROUNDED
    return Panel(content, title=heading, title_align="left", box=box, border_style=_QUIET)


def rows_of(count: int, look: Look) -> int:
    """Rows of the screen that a part of so many lines takes; without a line it says so in one."""
    return (1 + count if count else 1) + look.chrome_rows
