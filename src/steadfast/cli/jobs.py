"""`steadfast jobs`: work that a running service finishes whatever dies in between."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.job_ending import JOBS, MOST, fetched, show_end, told_written, watched
from steadfast.cli.job_questions import ask
from steadfast.cli.job_submit import Priority, label_of, submit
from steadfast.cli.job_views import table_of_jobs, told_job, told_receipt
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import InvalidOption

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="See `steadfast jobs list`.")]


@app.callback()
def jobs() -> None:
    """Videos and batches that a running service finishes, whatever dies (STEADFAST_URL, STEADFAST_KEY)."""


app.command()(submit)
app.command()(ask)


@app.command("list")
@command
def list_jobs(
    invocation: Invocation,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="queued, running, paused, succeeded, …"),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="Only jobs with this label; may be repeated."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="Of the person shown.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 50,
) -> None:
    """List jobs, the latest first."""
    query = {
        "state": ",".join(states or ()) or None,
        "label": ",".join(labels or ()) or None,
        "subject": subject,
    }
    client = ServiceClient()
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < limit:
        page = client.get(JOBS, limit=min(limit - len(found), MOST), cursor=cursor, **query)
        found += page["jobs"]
        cursor = page["next"]
        if cursor is None:
            break
    invocation.output.show({"jobs": found, "next": cursor}, lambda: table_of_jobs(found))


@app.command()
@command
def show(invocation: Invocation, job_id: IdArgument) -> None:
    """Show one job: state, progress, cost, items."""
    client = ServiceClient()
    job, items = client.get(f"{JOBS}/{job_id}"), client.get(f"{JOBS}/{job_id}/items")["items"]
    invocation.output.show({**job, "items": items}, lambda: told_job(job, items))


@app.command()
@command
def watch(invocation: Invocation, job_id: IdArgument) -> None:
    """Watch a job live until it has ended; leaving does not stop it."""
    client = ServiceClient()
    client.get(f"{JOBS}/{job_id}")  # a wrong id is said at once
    show_end(invocation, watched(invocation, client, job_id), [])


@app.command()
@command
def result(
    invocation: Invocation,
    job_id: IdArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="A file, or a folder for all results.")
    ],
    item: Annotated[int | None, typer.Option("--item", min=0, metavar="N", help="One of a batch.")] = None,
) -> None:
    """Fetch the result; what broke off goes on where it stopped."""
    client = ServiceClient()
    written = fetched(invocation, client, client.get(f"{JOBS}/{job_id}"), item, output)
    invocation.output.show({"job": job_id, "written": written}, lambda: told_written(written))


@app.command()
@command
def cancel(invocation: Invocation, job_id: IdArgument) -> None:
    """Take a job back; what runs of it stops within a second."""
    _act(invocation, "DELETE", f"{JOBS}/{job_id}")


@app.command()
@command
def retry(invocation: Invocation, job_id: IdArgument) -> None:
    """Start a failed or cancelled job again; finished segments are kept."""
    _act(invocation, "POST", f"{JOBS}/{job_id}/retry")


@app.command()
@command
def pause(invocation: Invocation, job_id: IdArgument) -> None:
    """Begin nothing more of a job until it is resumed."""
    _act(invocation, "POST", f"{JOBS}/{job_id}/pause")


@app.command()
@command
def resume(invocation: Invocation, job_id: IdArgument) -> None:
    """Go on with a paused job."""
    _act(invocation, "POST", f"{JOBS}/{job_id}/resume")


@app.command()
@command
def change(
    invocation: Invocation,
    job_id: IdArgument,
    priority: Annotated[
        Priority | None, typer.Option("--priority", metavar="HOW", help="low, normal or high.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="In the place of all it had.")
    ] = None,
) -> None:
    """Change a job's priority or its labels."""
    said: dict[str, object] = {}
    if priority is not None:
        said["priority"] = priority.value
    if labels is not None:
        said["labels"] = dict(label_of(text) for text in labels)
    if not said:
        raise InvalidOption("There is nothing to change.", remedy="Give --priority or --label.")
    _act(invocation, "PATCH", f"{JOBS}/{job_id}", json=said)


@app.command()
@command
def purge(
    invocation: Invocation,
    subject: Annotated[str, typer.Option("--subject", metavar="ID", help="Of the person shown.")],
) -> None:
    """Erase everything of a person, results and cache included, and print the receipt.

    Jobs that run are cancelled first. Nothing of it can be brought back.
    """
    client = ServiceClient()
    receipt = client.ask("POST", f"{JOBS}/purge", json={"subject": subject}, timeout=600.0).json()
    invocation.output.show(receipt, lambda: told_receipt(receipt))


def _act(invocation: Invocation, method: str, path: str, **more: Any) -> None:
    job = ServiceClient().ask(method, path, **more).json()
    invocation.output.show(job, lambda: Text(f"{job['id']} is {job['state']}, priority {job['priority']}."))
