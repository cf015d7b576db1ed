"""Jobs as tables and sentences for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.frame_progress import clock
from steadfast.cli.job_watch import pace_of

_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "paused": "yellow",
    "running": "cyan",
}


def table_of_jobs(jobs: Sequence[dict[str, Any]]) -> RenderableType:
    """One line each."""
    if not jobs:
        return Text("There are no jobs.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Id", "State", "Submitted", "Progress", "Priority", "Labels", "Remark"):
        table.add_column(heading, no_wrap=heading != "Remark")
    for job in jobs:
        table.add_row(
            job["id"],
            Text(job["state"], _STYLES.get(job["state"], "")),
            at(job["created_at"]),
            f"{job['progress']['share']:.0%}",
            job["priority"],
            Text(", ".join(f"{name}={value}" for name, value in job.get("labels", {}).items())),
            Text(_remark(job)),
        )
    return table


def told_job(job: dict[str, Any], items: Sequence[dict[str, Any]] = ()) -> RenderableType:
    """Everything that a person asks about one job."""
    rows: list[tuple[str, str | Text]] = [
        ("Job", job["id"]),
        ("State", Text(job["state"], _STYLES.get(job["state"], ""))),
        ("Priority", job["priority"]),
        ("Progress", f"{job['progress']['share']:.0%}  {pace_of(job['progress'])}"),
        *(("Held", job["held"]) for _ in range(bool(job["held"]))),
        *(("Waits", lacking) for lacking in _lacking(job)),
        *_failure(job),
        *(("Degraded", line) for line in job["degraded"]),
        *_times(job),
        ("Engine", job["engine"] or "not begun"),
        ("Cost", _cost(job["cost"])),
        ("Attempts", f"{job['attempts']} steps begun, {job['failed_attempts']} failed by their own doing"),
        *_words(job),
    ]
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, "bold"), value if isinstance(value, Text) else Text(value))
    return Group(table, Text(), table_of_items(items)) if items else table


def table_of_items(items: Sequence[dict[str, Any]]) -> RenderableType:
    """One line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Item", "Target", "Result", "Size"):
        table.add_column(
            heading, no_wrap=heading != "Result", justify="right" if heading == "Size" else "left"
        )
    for item in items:
        result, failure = item["result"], item["failure"]
        told = result.get("name", "there") if result else failure["detail"] if failure else "not yet"
        if item["answered_from"]:
            told += " (done before)"
        table.add_row(
            str(item["number"]),
            Text(item["target"].get("name", item["target"]["sha256"][:12])),
            Text(told, "red" if failure else ""),
            size_of(result["size_bytes"]) if result else "",
        )
    return table


def told_receipt(receipt: dict[str, Any]) -> RenderableType:
    """What a purge erased, and what was found when it was looked for again."""
    verified = receipt["verification"]
    left = sum(value for name, value in verified.items() if name.endswith("_left"))
    lines = [
        f"Erased {counted(len(receipt['jobs']), 'job')}, {counted(receipt['files_erased'], 'file')}"
        f" ({size_of(receipt['bytes_erased'])}), {counted(len(receipt['uploads']), 'upload')},"
        f" {counted(receipt['rows'], 'row')}.",
        "Looked again: nothing is left." if not left else f"Looked again: {left} things are left.",
    ]
    if kept := len(receipt["files"]) - receipt["files_erased"]:
        stay = "stays" if kept == 1 else "stay"
        why = "because other jobs or uploads have the same; see --json."
        lines.append(f"{counted(kept, 'file')} {stay}, {why}")
    return Text("\n".join([*lines, f"Receipt {receipt['id']}, SHA-256 {receipt['sha256']}"]))


def counted(number: int, what: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def at(moment: str) -> str:
    """A moment as people read it."""
    return moment[:19].replace("T", " ") + " UTC"


def size_of(size_bytes: int) -> str:
    """A size as people read it."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    for unit, divisor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size_bytes < divisor * 1000:
            return f"{size_bytes / divisor:.1f} {unit}"
    return f"{size_bytes / 1e12:.1f} TB"


def _remark(job: dict[str, Any]) -> str:
    if job["failure"]:
        return str(job["failure"]["detail"])
    return str(job["held"] or "".join(_lacking(job)) or ("degraded" if job["degraded"] else ""))


def _lacking(job: dict[str, Any]) -> list[str]:
    """What it waits for that is not there; an older service does not say."""
    lacking = job.get("waits_for")
    if not lacking:
        return []
    for_s = lacking["no_server_for_s"]
    return [lacking["detail"] + ("" if for_s is None else f" For {clock(for_s)}.")]


def _failure(job: dict[str, Any]) -> list[tuple[str, str | Text]]:
    failure = job["failure"]
    return [("Failure", Text(failure["detail"], "red")), ("Remedy", failure["remedy"])] if failure else []


def _times(job: dict[str, Any]) -> list[tuple[str, str | Text]]:
    names = {
        "created_at": "Submitted",
        "started_at": "Began",
        "ended_at": "Ended",
        "expires_at": "Expires",
        "inputs_gone_at": "Inputs deleted",
        "results_gone_at": "Results deleted",
    }
    return [(told, at(job[name])) for name, told in names.items() if job[name]]


def _cost(cost: dict[str, Any]) -> str:
    return (
        f"{cost['frames']} frames, {cost['faces']} faces, {cost['pixels'] / 1e6:.1f} megapixels;"
        f" {clock(cost['cpu_s'])} of CPU, {clock(cost['device_s'])} of a device;"
        f" {size_of(cost['read_bytes'])} in, {size_of(cost['written_bytes'])} out"
    )


def _words(job: dict[str, Any]) -> list[tuple[str, str | Text]]:
    labels = [("Label", f"{name}={value}") for name, value in job.get("labels", {}).items()]
    named = [(name.replace("_", " ").capitalize(), job.get(name)) for name in ("subject", "callback_url")]
    return [*labels, *((name, value) for name, value in named if value), *_incidents(job)]


def _incidents(job: dict[str, Any]) -> list[tuple[str, str | Text]]:
    return [("Incident", one) for one in job["incidents"]]
