"""`steadfast entail`: does a sentence follow from a picture? And `entail-batch`, for many."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.errors import SteadfastError

if TYPE_CHECKING:
    from steadfast.entailment.model import EntailmentModel
    from steadfast.tasks.entail_batch import EntailBatchReport, Row
    from steadfast.tasks.entail_file import EntailReport

_STYLES = {"yes": "bold green", "no": "bold red", "maybe": "bold yellow"}
_BAR_COLUMNS = 24

CaptionOption = Annotated[
    str | None,
    typer.Option("--caption", metavar="TEXT", help="What is known of the picture beside what it shows."),
]


@command
def entail(
    invocation: Invocation,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A sentence in English.")],
    caption: CaptionOption = None,
) -> None:
    """Say whether a sentence follows from a picture: yes, no or maybe.

    The model that comes with this program knows drawings of coloured shapes and nothing else; the settings
    under `entailment` name another.
    """
    from steadfast.app import open_app  # noqa: PLC0415 — `--help` stays fast
    from steadfast.tasks.entail_file import Asked, entail_files  # noqa: PLC0415

    app = open_app(invocation.settings)
    (found,) = entail_files(
        app.open_entailment(), [Asked(image=image, text=text, caption=caption)], app.limits
    )
    if isinstance(found, SteadfastError):
        raise found
    invocation.output.show(found, lambda: overview(found))
    if not invocation.output.as_json:
        for warning in found.warnings:
            invocation.output.warn(warning)


@command
def entail_batch(
    invocation: Invocation,
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or JSON Lines with image, text and, if there is one, caption."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Answers as JSON Lines, one per question.")
    ],
) -> None:
    """Answer many questions out of a file.

    A question that fails does not stop the others; the exit status is that of the first failure. Run it again
    and it goes on with what is missing or failed.
    """
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.media.output import check_output  # noqa: PLC0415
    from steadfast.tasks.entail_batch import read_rows  # noqa: PLC0415

    rows = read_rows(questions)
    check_output(output)
    app = open_app(invocation.settings)
    report = _run(invocation, rows, app.open_entailment(), output)
    invocation.output.show(report, lambda: _sums(report, output))
    for failure in report.failures:
        invocation.output.warn(failure)
    if report.exit_code:
        raise typer.Exit(int(report.exit_code))


def _run(
    invocation: Invocation, rows: "list[Row]", model: "EntailmentModel", output: Path
) -> "EntailBatchReport":
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from steadfast.media.limits import MediaLimits  # noqa: PLC0415
    from steadfast.tasks.entail_batch import run_rows  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with invocation.output.progress(*columns) as bar:
        task = bar.add_task(output.name, total=len(rows))
        return run_rows(
            rows,
            model,
            output,
            MediaLimits.of(invocation.settings.media),
            together=invocation.settings.entailment.max_batch,
            on_done=lambda count: bar.advance(task, count),
        )


def overview(report: "EntailReport") -> RenderableType:
    """The answer, and how sure the model is."""
    answer = report.judgement.answer.value
    lines: list[RenderableType] = [Text.assemble((answer, _STYLES[answer]), f"  {report.asked.text}")]
    for name, share in zip(("yes", "no", "maybe"), report.judgement.probabilities, strict=True):
        bar = "█" * round(share * _BAR_COLUMNS)
        lines.append(Text.assemble(f"  {name:<6}", f"{share:>7.1%}  ", (bar, _STYLES[name])))
    told = f"Model {report.model}" + (
        "" if report.is_calibrated else "; its probabilities are not calibrated"
    )
    lines.append(Text(told, "dim"))
    return Group(*lines)


def _sums(report: "EntailBatchReport", output: Path) -> Text:
    counted = ((report.answered, "answered"), (report.skipped, "answered before"), (report.failed, "failed"))
    told = ", ".join(f"{number} {word}" for number, word in counted if number) or "nothing to do"
    return Text.assemble((str(output), "bold"), f"  {told}")
