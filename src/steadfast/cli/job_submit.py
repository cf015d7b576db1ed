"""`steadfast jobs submit`: from options to a job that a service has recorded."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.cli.job_ending import JOBS, fetched, is_done, show_end, watched
from steadfast.cli.job_uploads import Uploader, check_files, is_reference
from steadfast.cli.options import (
    CodecOption,
    CrfOption,
    EnhanceOption,
    MaxBadFramesOption,
    NoSoundOption,
    PresetOption,
    QualityOption,
)
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import InvalidOption

_SMALL_BYTES = 8 << 20
"""Files up to this, all together, go within the request; larger ones are uploaded so that they can resume."""
_FEW = 1000
"""Files that go within a request, at most; a service takes about twice as many parts."""
_WHO, _JOB, _KEEP = "Whose face goes where", "The job", "How long files stay"


class Priority(StrEnum):
    """How urgent it is among jobs."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Pairing(StrEnum):
    """Which sources go into a target."""

    TOGETHER = "together"
    EACH = "each"


class OnFailure(StrEnum):
    """What becomes of a job whose segment fails."""

    FAIL = "fail"
    KEEP = "keep"


class OnPinLost(StrEnum):
    """What becomes of a job whose model is gone."""

    WAIT = "wait"
    RESTART = "restart"


WaitOption = Annotated[bool, typer.Option("--wait", "-w", metavar="", help="Watch it until it has ended.")]


@command
def submit(
    invocation: Invocation,
    targets: Annotated[
        list[str],
        typer.Option("--target", "-t", metavar="FILE", help="Photo, GIF or video; several make a batch."),
    ],
    sources: Annotated[
        list[str],
        typer.Option("--source", "-s", metavar="PHOTO", help="Photo of the person whose face is given."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Wait, then fetch the result: a file or a folder."
        ),
    ] = None,
    wait: WaitOption = False,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="PHOTO",
            rich_help_panel=_WHO,
            help="Whom to replace, among several people.",
        ),
    ] = None,
    faces: Annotated[
        str,
        typer.Option(
            "--faces", metavar="WHICH", rich_help_panel=_WHO, help="largest, one, all, left-to-right or 0,2."
        ),
    ] = "largest",
    similarity: Annotated[
        float | None,
        typer.Option(
            "--similarity",
            metavar="NUMBER",
            min=-1.0,
            max=1.0,
            rich_help_panel=_WHO,
            help="Least, to the reference.",
            show_default="by engine",
        ),
    ] = None,
    pairing: Annotated[
        Pairing | None,
        typer.Option(
            "--pairing",
            metavar="HOW",
            rich_help_panel=_WHO,
            help="Several sources: together (of one person, or one per face) or each (a result for each).",
            show_default="together for one target, each for several",
        ),
    ] = None,
    enhance: EnhanceOption = False,
    quality: QualityOption = 95,
    ending: Annotated[
        str,
        typer.Option(
            "--format", metavar="ENDING", help="Of the result: mp4, gif, png, …", show_default="the target's"
        ),
    ] = "",
    codec: CodecOption = "auto",
    crf: CrfOption = None,
    preset: PresetOption = "medium",
    no_sound: NoSoundOption = False,
    max_bad_frames: MaxBadFramesOption = 0.01,
    priority: Annotated[
        Priority, typer.Option("--priority", metavar="HOW", rich_help_panel=_JOB, help="low, normal or high.")
    ] = Priority.NORMAL,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", rich_help_panel=_JOB, help="To find it again."),
    ] = None,
    subject: Annotated[
        str,
        typer.Option(
            "--subject",
            metavar="ID",
            rich_help_panel=_JOB,
            help="Of the person shown, for `steadfast jobs purge`.",
        ),
    ] = "",
    callback_url: Annotated[
        str, typer.Option("--callback-url", metavar="URL", rich_help_panel=_JOB, help="Told of every change.")
    ] = "",
    expires_in: Annotated[
        str,
        typer.Option(
            "--expires-in",
            metavar="TIME",
            rich_help_panel=_JOB,
            help="It fails if it takes longer: 90s, 15m, 12h, 7d.",
        ),
    ] = "",
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", metavar="", rich_help_panel=_JOB, help="Do it even if the same was done before."
        ),
    ] = False,
    on_segment_failure: Annotated[
        OnFailure,
        typer.Option(
            "--on-segment-failure",
            metavar="WHAT",
            rich_help_panel=_JOB,
            help="A part that fails three times: fail the job, or keep its original frames.",
        ),
    ] = OnFailure.FAIL,
    on_pin_lost: Annotated[
        OnPinLost,
        typer.Option(
            "--on-pin-lost",
            metavar="WHAT",
            rich_help_panel=_JOB,
            help="What it was begun with is gone: wait for it, or restart with what there is.",
        ),
    ] = OnPinLost.WAIT,
    segment_s: Annotated[
        float | None,
        typer.Option("--segment-s", metavar="SECONDS", rich_help_panel=_JOB, help="Of video in one segment."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            metavar="TEXT",
            rich_help_panel=_JOB,
            help="A second submission finds the first.",
        ),
    ] = None,
    keep_inputs: Annotated[
        str, typer.Option("--keep-inputs", metavar="TIME", rich_help_panel=_KEEP, help="After the end.")
    ] = "",
    keep_results: Annotated[
        str, typer.Option("--keep-results", metavar="TIME", rich_help_panel=_KEEP, help="After the end.")
    ] = "",
) -> None:
    """Submit a video, a picture or a batch; it is finished, or says why not.

    Inputs are files of this machine, or references that the service reads itself: upload:ID, s3://… or
    file://… where its operator allows that.
    """
    fields = {
        "faces": faces,
        "min_similarity": similarity,
        "pairing": pairing,
        "enhance": enhance,
        "quality": quality,
        "format": ending,
        "codec": codec,
        "video_quality": crf,
        "preset": preset,
        "keep_sound": not no_sound,
        "max_bad_frames": max_bad_frames,
        "priority": priority,
        "labels": dict(label_of(text) for text in labels or ()),
        "subject": subject,
        "callback_url": callback_url,
        "expires_in": expires_in,
        "fresh": fresh,
        "on_segment_failure": on_segment_failure,
        "on_pin_lost": on_pin_lost,
        "segment_s": segment_s,
        "keep_inputs": keep_inputs,
        "keep_results": keep_results,
    }
    inputs = {"source": sources, "target": targets, "reference": [reference] if reference else []}
    check_files([text for named in inputs.values() for text in named])
    client = ServiceClient()
    said = {name: value for name, value in fields.items() if value is not None}
    job = submitted(invocation, client, inputs, said, idempotency_key or str(uuid.uuid4()))
    if not (wait or output):
        invocation.output.show(job, lambda: told_submitted(job))
        return
    invocation.output.say(f"Submitted as {job['id']}; it goes on if you leave.")
    job = watched(invocation, client, job["id"])
    written = fetched(invocation, client, job, None, output) if output and is_done(job) else []
    show_end(invocation, job, written)


def submitted(
    invocation: Invocation,
    client: ServiceClient,
    inputs: dict[str, list[str]],
    fields: dict[str, Any],
    key: str,
) -> dict[str, Any]:
    """The job as the service has recorded it: small files within the request, large or many ones uploaded."""
    every = [text for named in inputs.values() for text in named]
    files = [Path(text) for text in every if not is_reference(text)]
    headers = {"Idempotency-Key": key}  # so that asking again never makes a second job
    is_small = len(files) == len(every) <= _FEW and sum(file.stat().st_size for file in files) <= _SMALL_BYTES
    if is_small:
        parts = [
            (name, (Path(text).name, Path(text).read_bytes()))
            for name, named in inputs.items()
            for text in named
        ]
        text_fields = {name: _as_text(value) for name, value in fields.items()}
        return _posted(client, headers=headers, files=parts, data=text_fields)
    with _uploading(invocation, client) as uploader:
        places = {
            text: text if is_reference(text) else uploader.send(Path(text)) for text in dict.fromkeys(every)
        }
        named = {name: [places[text] for text in given] for name, given in inputs.items() if given}
        job = _posted(client, headers=headers, json={**named, **fields})
        uploader.forget()
    return job


def _posted(client: ServiceClient, **request: Any) -> dict[str, Any]:
    job: dict[str, Any] = client.patiently(lambda: client.ask("POST", JOBS, timeout=120.0, **request)).json()
    return job


@contextmanager
def _uploading(invocation: Invocation, client: ServiceClient) -> Iterator[Uploader]:
    import platformdirs  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with invocation.output.progress(*columns) as bar:
        tasks: dict[Path, Any] = {}

        def tell(file: Path, has: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file.name, total=total, completed=has)
            bar.update(tasks[file], completed=has)

        memory = Path(platformdirs.user_cache_dir("steadfast")) / "uploads.json"
        yield Uploader(client, memory, tell)


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def label_of(text: str) -> tuple[str, str]:
    """`name=value` in two. Raises `InvalidOption`."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidOption(f"{text!r} is no label.", remedy="Write it like --label project=summer.")
    return name, value


def told_submitted(job: dict[str, Any]) -> RenderableType:
    """Its id, and what to do next."""
    return Text.assemble(
        (job["id"], "bold"), f" is {job['state']}. Watch it: steadfast jobs watch {job['id']}"
    )
