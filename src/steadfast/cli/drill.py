"""`steadfast drill`: breaks a service on purpose, under traffic, and shows what happened."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.errors import ExitCode, InvalidOption

if TYPE_CHECKING:
    from steadfast.drill.drill import Drill, DrillResult
    from steadfast.drill.fault import Fault
    from steadfast.drill.schedule import Planned

_HOW, _WHERE = "How", "Where"


@command
def drill(
    invocation: Invocation,
    only: Annotated[
        str,
        typer.Option("--only", metavar="NAMES", help="These faults, parted by commas.", show_default="all"),
    ] = "",
    list_: Annotated[bool, typer.Option("--list", metavar="", help="Name every fault, and end.")] = False,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            help="The same seed: the same faults at the same moments.",
            show_default="a new one",
        ),
    ] = None,
    duration: Annotated[
        str,
        typer.Option(
            "--duration", metavar="TIME", help="So long: 90s, 30m, 8h.", show_default="each fault once"
        ),
    ] = "",
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a page with timelines of every fault."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            min=0.1,
            metavar="N",
            rich_help_panel=_HOW,
            help="Requests per second.",
            show_default="a third of what this machine does",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option("--concurrency", min=1, metavar="N", rich_help_panel=_HOW, help="Requests at one time."),
    ] = 16,
    recording: Annotated[
        Path | None,
        typer.Option(
            "--traffic",
            metavar="FILE",
            rich_help_panel=_HOW,
            help="A recording of requests.",
            show_default="built in",
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            metavar="FOLDER",
            rich_help_panel=_HOW,
            help="Photos to send.",
            show_default="built in",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", metavar="NAME", rich_help_panel=_WHERE, help="Engine of the private server."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, metavar="N", rich_help_panel=_WHERE, help="Its workers.")
    ] = 2,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="DIR", rich_help_panel=_WHERE, help="Keep its data and logs in this folder."
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            metavar="URL",
            rich_help_panel=_WHERE,
            help="A service that runs with drill.enabled; STEADFAST_KEY holds a key with the scope admin.",
        ),
    ] = "",
    i_own_this: Annotated[
        bool,
        typer.Option(
            "--i-own-this", metavar="", rich_help_panel=_WHERE, help="It is mine, and it may break."
        ),
    ] = False,
) -> None:
    """Break a service on purpose and see what holds: a private one, or with --target one that runs.

    Real workers, real models, real traffic; one fault after the other, each with a beginning, an end and an
    expectation. The exit status is 0 only if every expectation held.
    """
    from steadfast.drill.registry import chosen, known_faults  # noqa: PLC0415 — `--help` stays fast

    every = known_faults()
    faults = chosen(every, [name.strip() for name in only.split(",") if name.strip()])
    if list_:
        _show_list(invocation, faults)
        return
    if bool(target) != i_own_this:
        raise InvalidOption(
            "--target breaks a service that runs, and --i-own-this says that you may.",
            remedy="Give both, or neither.",
        )
    if report is not None:
        _require_plots()
    from steadfast.drill.schedule import plan  # noqa: PLC0415

    seed = secrets.randbelow(1_000_000) if seed is None else seed
    planned = plan(faults, seed=seed, duration_s=_seconds(duration))
    invocation.output.say(f"Seed {seed}: {len(planned)} faults.")
    folder = keep or Path(tempfile.mkdtemp(prefix="steadfast-drill-"))
    try:
        made = _make(
            invocation,
            folder,
            faults=every,
            options={"rate_per_s": rate, "concurrency": concurrency, "seed": seed},
            recording=recording,
            photos=photos,
            engine=engine,
            workers=workers,
            target=target,
        )
        result = _run(made, planned)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if report is not None:
        _write(report, result, seed)
    invocation.output.show(_plain(result, seed), lambda: _overview(result, report))
    if not result.held:
        raise typer.Exit(int(ExitCode.FAILED))


def _make(
    invocation: Invocation,
    folder: Path,
    *,
    faults: "Mapping[str, type[Fault]]",
    options: dict[str, Any],
    recording: Path | None,
    photos: Path | None,
    engine: str | None,
    workers: int,
    target: str,
) -> "tuple[Drill, _Screen]":
    from steadfast.drill.building import Builder  # noqa: PLC0415
    from steadfast.drill.client import Endpoint  # noqa: PLC0415
    from steadfast.drill.drill import Drill, DrillOptions  # noqa: PLC0415
    from steadfast.drill.house import RunningServer  # noqa: PLC0415
    from steadfast.drill.materials import built_in_materials, materials_of_folder  # noqa: PLC0415
    from steadfast.drill.mix import Kind, built_in_mix, read_mix  # noqa: PLC0415

    mix = built_in_mix() if recording is None else read_mix(recording)
    if not target and not invocation.settings.entailment.enabled:
        mix = mix.only(frozenset(Kind) - {Kind.ENTAIL})
    screen = _Screen(invocation)
    builder = Builder(invocation.settings, folder, engine=engine, workers=workers)
    server = RunningServer(Endpoint(url=target, key=os.environ.get("STEADFAST_KEY", ""))) if target else None
    made = Drill(
        faults,
        built_in_materials() if photos is None else materials_of_folder(photos),
        DrillOptions(**options, mix=mix),
        open_house=None if target else builder.build,
        target=server,
        tell=screen.hear,
    )
    return made, screen


class _Screen:
    """The table on a terminal while it grows; plain lines elsewhere."""

    def __init__(self, invocation: Invocation) -> None:
        self._output = invocation.output
        self._outcomes: list[Any] = []
        self._live: Any = None

    def hear(self, told: Any) -> None:
        """What the drill says: a remark, what begins, what has come of it."""
        from steadfast.drill.schedule import Planned  # noqa: PLC0415
        from steadfast.drill.table import cells, outcome_table  # noqa: PLC0415
        from steadfast.drill.verdicts import Outcome  # noqa: PLC0415

        if isinstance(told, str):
            self._output.say(told)
            return
        if isinstance(told, Outcome):
            self._outcomes.append(told)
        running = told if isinstance(told, Planned) else None
        if self._live is not None:
            self._live.update(outcome_table(self._outcomes, running), refresh=True)
        elif isinstance(told, Outcome):
            self._output.say("  ".join([*cells(told), *told.why]))

    def showing(self) -> Any:
        """The live table, as a context."""
        from rich.live import Live  # noqa: PLC0415

        notes = self._output.notes
        if self._output.quiet or self._output.as_json or not notes.is_terminal:
            return nullcontext()
        self._live = Live(console=notes, transient=True, auto_refresh=False)
        return self._live


def _run(made: "tuple[Drill, _Screen]", planned: "Sequence[Planned]") -> "DrillResult":
    the_drill, screen = made
    with screen.showing():
        return asyncio.run(the_drill.run(planned))


def _show_list(invocation: Invocation, faults: "Sequence[type[Fault]]") -> None:
    from rich.table import Table  # noqa: PLC0415

    plain = [
        {
            "name": fault.name,
            "group": fault.group.value,
            "what": fault.what,
            "lasts_s": fault.lasts_s,
            "needs_own_server": fault.needs_own_server,
            "house": fault.house or "usual",
        }
        for fault in faults
    ]

    def table() -> Table:
        shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("fault", "hits", "what is done"):
            shown.add_column(heading, no_wrap=heading != "what is done")
        for fault in faults:
            shown.add_row(fault.name, fault.group.value, fault.what)
        return shown

    invocation.output.show({"faults": plain}, table)


def _overview(result: "DrillResult", report: Path | None) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415

    from steadfast.drill.table import outcome_table, summary  # noqa: PLC0415

    words = f"\n{summary(result.outcomes)}" + (f"\nThe timelines are in {report}." if report else "")
    if result.jobs_lost:
        words += f"\nLost jobs: {', '.join(result.jobs_lost)}."
    return Group(outcome_table(result.outcomes), Text(words))


def _plain(result: "DrillResult", seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "held": result.held,
        "rate_per_s": result.rate_per_s,
        "took_s": round(result.took_s, 1),
        "jobs": result.jobs,
        "jobs_lost": result.jobs_lost,
        "faults": [outcome.as_dict() for outcome in result.outcomes],
    }


def _seconds(text: str) -> float | None:
    if not text:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise InvalidOption(f"--duration cannot be {text!r}.", remedy="Write it like 90s, 30m or 8h.")
    return seconds


def _require_plots() -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("matplotlib") is None:
        raise InvalidOption(
            "A report has plots, which need matplotlib.",
            remedy="Install it: `pip install 'steadfast[report]'`; or leave --report away.",
        )


def _write(file: Path, result: "DrillResult", seed: int) -> None:
    from steadfast.drill.report import write_report  # noqa: PLC0415

    write_report(file, result, seed=seed)
