"""What follows a job that was submitted: watching it, its end, and the files that come of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import RenderableType
from rich.text import Text

from steadfast.cli.invocation import Invocation
from steadfast.cli.job_download import download
from steadfast.cli.job_views import size_of, told_job
from steadfast.cli.job_watch import watch_job
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import ExitCode, OutputUnwritable, SteadfastError

JOBS = "/v1/jobs"
MOST = 1000
"""Of what one question is answered with."""


def watched(invocation: Invocation, client: ServiceClient, job_id: str) -> dict[str, Any]:
    try:
        return watch_job(client, job_id, invocation.output)
    except KeyboardInterrupt:
        invocation.output.say(f"The job goes on without you: steadfast jobs watch {job_id}")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None


def show_end(invocation: Invocation, job: dict[str, Any], written: list[dict[str, Any]]) -> None:
    """The job, what was written, and the exit status that its failure has."""
    invocation.output.show({**job, "written": written}, lambda: _told_end(job, written))
    for line in job["degraded"]:
        invocation.output.warn(line)
    if job["state"] == "succeeded":
        return
    raise typer.Exit(int(_status_of(job)))


def _status_of(job: dict[str, Any]) -> ExitCode:
    if job["failure"] is None:
        return ExitCode.FAILED
    from steadfast.runtime.failure import error_of  # noqa: PLC0415
    from steadfast.runtime.messages import Failure  # noqa: PLC0415

    error: SteadfastError = error_of(Failure(**job["failure"]))
    return error.exit_code


def fetched(
    invocation: Invocation, client: ServiceClient, job: dict[str, Any], item: int | None, output: Path
) -> list[dict[str, Any]]:
    """One result into a file, or into a folder under its own name; several into a folder."""
    job_id, total = job["id"], job["progress"]["items_total"]
    if item is None and total > 1:
        with_results = [one for one in _all_items(client, job_id) if one["result"]]
        _make_folder(output)
        width = len(str(total - 1))
        names = {one["number"]: f"{one['number']:0{width}}-{_name_in(one)}" for one in with_results}
    else:
        number = item or 0
        found = client.get(f"{JOBS}/{job_id}/items", first=number, limit=1)["items"]
        names = {number: _name_in(found[0]) if found and found[0]["result"] else "result"}
    written = []
    for number, name in names.items():
        file = output / name if output.is_dir() else output
        size = _with_bar(
            invocation,
            file.name,
            lambda tell, n=number, f=file: download(client, f"{JOBS}/{job_id}/result?item={n}", f, tell),  # type: ignore[misc]
        )
        written.append({"item": number, "file": str(file), "size_bytes": size})
    return written


def _all_items(client: ServiceClient, job_id: str) -> Iterator[dict[str, Any]]:
    first: int | None = 0
    while first is not None:
        page = client.get(f"{JOBS}/{job_id}/items", first=first, limit=MOST)
        yield from page["items"]
        first = page["next"]


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(
            f"{output} cannot be a folder ({error.strerror}).", remedy="A batch needs a folder, or --item N."
        ) from error


def _name_in(item: dict[str, Any]) -> str:
    """The service's word is no path."""
    return Path(str(item["result"].get("name") or "result")).name or "result"


def _with_bar(invocation: Invocation, name: str, work: Callable[[Callable[[int, int], None]], int]) -> int:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with invocation.output.progress(*columns) as bar:
        task = bar.add_task(name, total=None)
        return work(lambda has, total: bar.update(task, completed=has, total=total))


def is_done(job: dict[str, Any]) -> bool:
    return bool(job["progress"]["items_done"]) and job["results_gone_at"] is None


def _told_end(job: dict[str, Any], written: list[dict[str, Any]]) -> RenderableType:
    if written:
        return told_written(written)
    return told_job(job) if job["state"] != "succeeded" else _told_success(job)


def _told_success(job: dict[str, Any]) -> RenderableType:
    return Text.assemble(
        (job["id"], "bold"), f" has succeeded. Fetch it: steadfast jobs result {job['id']} -o FILE"
    )


def told_written(written: list[dict[str, Any]]) -> RenderableType:
    lines = [Text.assemble((one["file"], "bold"), f"  {size_of(one['size_bytes'])}") for one in written]
    return Text("\n").join(lines) if lines else Text("There are no results.")
