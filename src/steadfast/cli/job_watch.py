"""A job as it goes, live on a terminal: a bar, frames, pace, and a line for everything that happens."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from steadfast.cli.frame_progress import clock
from steadfast.cli.output import Output
from steadfast.cli.service_client import ServiceClient

_STYLES = {"succeeded": "bold green", "failed": "bold red", "cancelled": "yellow", "paused": "yellow"}
_ENDED = frozenset({"succeeded", "failed", "cancelled"})


def watch_job(client: ServiceClient, job_id: str, output: Output) -> dict[str, Any]:
    """Shows it until it ends; the answer is the job. A service that goes away and comes back is followed.

    Raises what the service answers.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}", style="dim"),
    )
    follower = _Follower(client, job_id)
    with output.progress(*columns) as bar:
        view = _View(output, bar, bar.add_task(job_id[-8:], total=1.0, told="waiting for its turn"))
        while True:
            client.patiently(lambda: follower.follow(view), on_wait=view.is_away)
            job: dict[str, Any] = client.patiently(lambda: client.get(f"/v1/jobs/{job_id}"))
            if job["state"] in _ENDED:
                return job


class _Follower:
    """Goes on behind the last event it has seen."""

    def __init__(self, client: ServiceClient, job_id: str) -> None:
        self._client = client
        self._path = f"/v1/jobs/{job_id}/events"
        self._last = 0

    def follow(self, view: "_View") -> None:
        """Until the service ends the stream."""
        headers = {"Last-Event-ID": str(self._last)} if self._last else {}
        with self._client.streaming(self._path, headers) as answer:
            for event in events_in(answer.iter_lines()):
                self._last = event["id"] or self._last
                view.show(event)


def events_in(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The documents in a stream of server-sent events, each of which is one line here."""
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


class _View:
    def __init__(self, output: Output, bar: Progress, task: TaskID) -> None:
        self._output = output
        self._bar = bar
        self._task = task

    def is_away(self, _why: str) -> None:
        self._bar.update(self._task, told="the service is away; the job is safe, trying again …")

    def show(self, event: dict[str, Any]) -> None:
        if event["kind"] == "progress":
            self._bar.update(self._task, completed=event["data"]["share"], told=pace_of(event["data"]))
            return
        if (told := told_of(event)) is not None and not self._output.quiet:
            at = event["at"][11:19]
            self._bar.console.print(Text.assemble((f"{at}  ", "dim"), told), soft_wrap=True)


def pace_of(progress: dict[str, Any]) -> str:
    """How far it is, how fast, and how long yet, in a few words."""
    parts = []
    if progress["items_total"] > 1:
        parts.append(f"{progress['items_done']}/{progress['items_total']} done")
    if progress["frames_total"] > 1:
        parts.append(f"{progress['frames_done']}/{progress['frames_total']} frames")
    if progress["fps"]:
        parts.append(f"{progress['fps']:.0f} frames/s")
    if progress["left_s"] is not None:
        parts.append(f"{clock(progress['left_s'])} left")
    return " · ".join(parts) or "looking at it"


def told_of(event: dict[str, Any]) -> Text | None:
    """A line for people; None: it says nothing to them."""
    kind, data = event["kind"], event["data"]
    match kind:
        case "submitted":
            items = data.get("items", 1)
            return Text("submitted" if items == 1 else f"submitted, {items} items")
        case "state":
            state = data["state"]
            more = " (degraded)" if data.get("degraded") else ""
            detail = f": {data['detail']}" if data.get("detail") else ""
            return Text.assemble((state, _STYLES.get(state, "")), more, detail)
        case "held":
            why = data.get("why")
            return Text(f"held: {why}" if why else "goes on", "yellow")
        case "waits":
            why = data.get("why")
            return Text(why or "there is somebody now who can do it", "yellow")
        case "segment" | "plan" | "labels":
            return None
        case _:
            return Text(_sentence(kind, data))


_SENTENCES = {
    "priority": "priority {priority}",
    "callback": "callback {event}: {outcome}, {detail}",
    "deleted": "{what} deleted: {files} files, {reason}",
}


def _sentence(kind: str, data: dict[str, Any]) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind].format_map(defaultdict(str, data))
    said = ", ".join(f"{name} {value}" for name, value in data.items() if value not in ("", None))
    return f"{kind}: {said}" if said else kind
