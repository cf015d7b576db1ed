"""`steadfast batch`: many targets, many sources, one folder of outputs."""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.frame_progress import pace
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.options import (
    CodecOption,
    CrfOption,
    EngineOption,
    EnhanceOption,
    FacesOption,
    GlassesOption,
    MaxBadFramesOption,
    NoMarkOption,
    NoSoundOption,
    PresetOption,
    QualityOption,
    SimilarityOption,
    cast_request,
    open_engine,
    with_glasses,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import Progress, TaskID

    from steadfast.tasks.batch import BatchItem, BatchReport
    from steadfast.tasks.batch_plan import BatchJob
    from steadfast.tasks.face_swap import SwapReport
    from steadfast.tasks.video_report import OnProgress
    from steadfast.tasks.video_report import Progress as VideoProgress

    Swap = Callable[[BatchJob, OnProgress], SwapReport]


class ConflictChoice(StrEnum):
    """What `--on-conflict` takes."""

    SKIP = "skip"
    OVERWRITE = "overwrite"
    NUMBER = "number"
    FAIL = "fail"


_NAMES = "Where outputs go"
_SIGNS = {"done": ("✓", "green"), "skipped": ("–", "dim"), "failed": ("✗", "red"), "not_run": ("·", "dim")}
_MULTIPLE = "a file, a folder or a quoted pattern such as 'photos/*.jpg'; may be repeated."


@command
def batch(
    invocation: Invocation,
    sources: Annotated[
        list[str],
        typer.Option("--source", "-s", metavar="PATH", help=f"Photos of whose face is given: {_MULTIPLE}"),
    ],
    targets: Annotated[
        list[str],
        typer.Option("--target", "-t", metavar="PATH", help=f"Photos and videos to change: {_MULTIPLE}"),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the outputs.")],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="PATTERN",
            rich_help_panel=_NAMES,
            help="Names of the outputs, of {stem}, {suffix}, {source}, {index} and {folder}.",
        ),
    ] = "{folder}/{stem}_{source}{suffix}",
    on_conflict: Annotated[
        ConflictChoice,
        typer.Option(
            metavar="HOW",
            rich_help_panel=_NAMES,
            help="What to do with outputs that are there already: skip, overwrite, number or fail.",
        ),
    ] = ConflictChoice.SKIP,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", metavar="", help="Look into folders inside folders.")
    ] = False,
    one_person: Annotated[
        bool,
        typer.Option("--one-person", metavar="", help="All sources show one person, who gets one identity."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", rich_help_panel=_NAMES, help="Store the report as JSON."),
    ] = None,
    push_metrics: Annotated[
        str | None,
        typer.Option(
            "--push-metrics",
            metavar="URL",
            help="Push figures of the run to a Pushgateway, or to an OTLP collector (…/v1/metrics).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only show what would be done.")
    ] = False,
    faces: FacesOption = "largest",
    similarity: SimilarityOption = None,
    engine: EngineOption = None,
    enhance: EnhanceOption = False,
    glasses: GlassesOption = None,
    quality: QualityOption = 95,
    quality_report: Annotated[
        bool,
        typer.Option(
            "--quality-report", metavar="", help="Measure each swap; the figures are in the report."
        ),
    ] = False,
    no_mark: NoMarkOption = False,
    codec: CodecOption = "auto",
    crf: CrfOption = None,
    preset: PresetOption = "medium",
    no_sound: NoSoundOption = False,
    max_bad_frames: MaxBadFramesOption = 0.01,
) -> None:
    """Swap faces in many photos and videos: every target with every source.

    An item that fails does not stop the others; the exit status is that of the first failure. Run it again
    and it goes on with what is missing.
    """
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.media.encoders import VideoOptions  # noqa: PLC0415
    from steadfast.media.output import check_output  # noqa: PLC0415
    from steadfast.tasks.batch import BatchReport, not_run  # noqa: PLC0415
    from steadfast.tasks.batch_names import NamePattern  # noqa: PLC0415
    from steadfast.tasks.batch_plan import BatchOptions, Conflict, plan_batch  # noqa: PLC0415
    from steadfast.tasks.face_swap import SwapRequest  # noqa: PLC0415

    app = open_app(with_glasses(invocation.settings, glasses))
    options = BatchOptions(
        folder=output,
        pattern=NamePattern(name),
        conflict=Conflict(on_conflict.value),
        recursive=recursive,
        one_person=one_person,
    )
    if report:
        check_output(report)
    if push_metrics:
        from steadfast.observability.metrics.push import check_push_url  # noqa: PLC0415

        check_push_url(push_metrics)
    jobs = plan_batch(targets, sources, options, app.limits)
    if dry_run:
        planned = BatchReport(items=tuple(not_run(jobs)), seconds=0.0)
        invocation.output.show(planned, lambda: overview(planned))
        return
    template = SwapRequest(
        cast=cast_request([Path()], None, faces, similarity),  # each job brings its own sources
        target=Path(),
        output=Path(),
        enhance=enhance,
        picture_quality=quality,
        mark=not no_mark,
        measure_quality=quality_report,
        video=VideoOptions(codec=codec, quality=crf, preset=preset),
        keep_sound=not no_sound,
        max_bad_frames=max_bad_frames,
    )
    chosen = open_engine(app, engine)
    for note in chosen.notes:
        invocation.output.say(note)

    casts = app.casts_for(chosen)

    def swap(job: "BatchJob", on_progress: "OnProgress") -> "SwapReport":
        cast = replace(template.cast, sources=job.sources)
        return app.swap(
            replace(template, cast=cast, target=job.target, output=job.output), chosen, on_progress, casts
        )

    done = _run(invocation, swap, jobs, report)
    if push_metrics:
        _push(invocation, done, push_metrics)
    invocation.output.show(done, lambda: overview(done))
    if done.exit_code:
        raise typer.Exit(int(done.exit_code))


def _run(
    invocation: Invocation, swap: "Swap", jobs: "Sequence[BatchJob]", report: Path | None
) -> "BatchReport":
    """Runs the jobs with a progress bar; the report is stored even when Ctrl-C ends them early."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from steadfast.tasks.batch import run_batch  # noqa: PLC0415

    items: list[BatchItem] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done: BatchReport | None = None
    try:
        with invocation.output.progress(*columns) as bar:
            display = _Display(bar=bar, task=bar.add_task("", total=len(jobs)), items=items)
            done = run_batch(
                jobs,
                lambda job: swap(job, lambda frames: display.tell(job, frames)),
                on_start=display.start,
                on_item=display.finish,
            )
        return done
    finally:
        if report:
            _store(done or _broken_off(items, jobs), report)


def _broken_off(items: "Sequence[BatchItem]", jobs: "Sequence[BatchJob]") -> "BatchReport":
    from steadfast.tasks.batch import BatchReport, not_run  # noqa: PLC0415

    seconds = sum(item.seconds for item in items)
    return BatchReport(items=(*items, *not_run(jobs[len(items) :])), seconds=seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Display:
    """The progress bar of a batch, and what was finished."""

    bar: "Progress"
    task: "TaskID"
    items: "list[BatchItem]"

    def start(self, job: "BatchJob") -> None:
        """Names what is being worked on."""
        self.bar.update(self.task, description=job.target.name)

    def tell(self, job: "BatchJob", video: "VideoProgress") -> None:
        """Says how far a video is."""
        frames = f"{video.frames_done} frames, {pace(video)}"
        self.bar.update(self.task, description=f"{job.target.name} ({frames})")

    def finish(self, item: "BatchItem") -> None:
        """Counts an item."""
        self.items.append(item)
        self.bar.advance(self.task)


def _push(invocation: Invocation, report: "BatchReport", url: str) -> None:
    """Tells where it cannot; what was swapped stays swapped, and the exit status is that of the batch."""
    import socket  # noqa: PLC0415

    from steadfast.errors import SteadfastError  # noqa: PLC0415
    from steadfast.observability.metrics.batch_metrics import batch_registry  # noqa: PLC0415
    from steadfast.observability.metrics.push import push_metrics  # noqa: PLC0415

    try:
        registry = batch_registry(report.as_dict())
        push_metrics(registry, url, job="steadfast_batch", instance=socket.gethostname())
    except SteadfastError as error:
        invocation.output.warn(error.detail)


def _store(report: "BatchReport", path: Path) -> None:
    import json  # noqa: PLC0415

    from steadfast.media.output import write_bytes_aside  # noqa: PLC0415

    write_bytes_aside(path, json.dumps(report.as_dict(), indent=2, ensure_ascii=False).encode())


def overview(report: "BatchReport") -> RenderableType:
    """A line per item, the reasons of failures, and the sums."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for item in report.items:
        table.add_row(*_row(item))
    return Group(table, _sums(report))


def _row(item: "BatchItem") -> tuple[RenderableType, ...]:
    sign, style = _SIGNS[item.state.value]
    names = ", ".join(source.name for source in item.job.sources)
    told = Text.assemble((str(item.job.output), "bold"), (f"  {item.job.target} ← {names}", "dim"))
    if item.error is not None:
        told.append(f"\n{item.error.detail} ", "red").append(item.error.remedy, "dim")
    return Text(sign, style), told, f"{item.seconds:.2f} s" if item.seconds else ""


def _sums(report: "BatchReport") -> Text:
    from steadfast.tasks.batch import ItemState  # noqa: PLC0415

    counted = [(report.count(state), state.value.replace("_", " ")) for state in ItemState]
    sums = ", ".join(f"{number} {word}" for number, word in counted if number)
    return Text(f"{sums or 'nothing to do'}; {report.seconds:.1f} s", "bold")
