"""`steadfast jobs ask`: a file of questions about pictures, as a job that a service has recorded."""

import uuid
from pathlib import Path
from typing import Annotated

import typer

from steadfast.cli.invocation import Invocation, command
from steadfast.cli.job_ending import fetched, is_done, show_end, watched
from steadfast.cli.job_submit import Priority, WaitOption, label_of, submitted, told_submitted
from steadfast.cli.job_uploads import check_files
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import SteadfastError

_TASK = "visual_entailment"


@command
def ask(
    invocation: Invocation,
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or JSON Lines with image, text and, if there is one, caption."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Wait, then fetch the answers: a file, or a folder of them.",
        ),
    ] = None,
    wait: WaitOption = False,
    priority: Annotated[
        Priority, typer.Option("--priority", metavar="HOW", help="low, normal or high.")
    ] = Priority.NORMAL,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="To find it again.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="TEXT", help="A second submission finds the first."),
    ] = None,
) -> None:
    """Submit a file of questions about pictures; it is finished, or says why not.

    Pictures are sought beside the file. Each is an item of the job with a result of its own: a line of JSON
    per question, in order.
    """
    pictures = pictures_of(questions)
    check_files(pictures)
    client = ServiceClient()
    fields = {
        "task": _TASK,
        "priority": priority,
        "labels": dict(label_of(text) for text in labels or ()),
    }
    inputs = {"target": pictures, "questions": [str(questions)]}
    job = submitted(invocation, client, inputs, fields, idempotency_key or str(uuid.uuid4()))
    if not (wait or output):
        invocation.output.show(job, lambda: told_submitted(job))
        return
    invocation.output.say(f"Submitted as {job['id']}; it goes on if you leave.")
    job = watched(invocation, client, job["id"])
    written = fetched(invocation, client, job, None, output) if output and is_done(job) else []
    show_end(invocation, job, written)


def pictures_of(questions: Path) -> list[str]:
    """The pictures that the file names, each once. Raises what is wrong with a line of it."""
    from steadfast.tasks.entail_questions import questions_in, text_of  # noqa: PLC0415 — `--help` stays fast

    found: dict[str, None] = {}
    for question in questions_in(text_of(questions), questions.name):
        if isinstance(question, SteadfastError):
            raise question
        found[str(questions.parent / question.image)] = None
    return list(found)
