"""`steadfast bench`: how fast this machine is, and what to set."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.errors import ExitCode, InvalidOption, SteadfastError

if TYPE_CHECKING:
    from steadfast.bench.cases import BenchCase, BenchResult, Recommendation

_NAMES = ("engine", "provider", "size")
_TIMES = ("analyse\nms", "swap\nms", "transcode\nms")
_HEADINGS = (*_NAMES, "threads", "frames\n/s", *_TIMES, "memory\nMB", "device\nMB")


@command
def bench(
    invocation: Invocation,
    engines: Annotated[
        list[str] | None,
        typer.Option("--engine", metavar="NAME", help="Engines.", show_default="those that work"),
    ] = None,
    providers: Annotated[
        list[str] | None,
        typer.Option(
            "--provider", metavar="NAME", help="Execution providers.", show_default="those that are here"
        ),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", metavar="WxH", help="Sizes.", show_default="640x480 and 1280x720"),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            "--threads", min=1, metavar="N", help="Threads per model.", show_default="1 and all cores"
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.5, max=600, metavar="S", help="Length of the clip.")
    ] = 3.0,
) -> None:
    """Measure engines, providers, sizes and threads on a built-in clip, and say what to set here."""
    from steadfast.bench.cases import plan_cases, recommend  # noqa: PLC0415
    from steadfast.bench.run import run_cases  # noqa: PLC0415
    from steadfast.inference.threads import owned_cores  # noqa: PLC0415

    cases = plan_cases(
        engines=engines or _working_engines(invocation),
        providers=providers or _present_providers(invocation),
        sizes=[_size(text) for text in sizes or ("640x480", "1280x720")],
        threads=threads or sorted({1, owned_cores()}),
    )
    results = _run(invocation, cases, seconds, run_cases)
    advice = recommend(results)
    invocation.output.show(_plain(results, advice), lambda: _overview(results, advice, invocation.config))
    if advice is None:
        raise typer.Exit(int(ExitCode.UNAVAILABLE))


def _run(
    invocation: Invocation, cases: "list[BenchCase]", seconds: float, run_cases: Any
) -> "list[BenchResult]":
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with invocation.output.progress(*columns) as bar:
        task = bar.add_task("combinations", total=len(cases))
        results: list[BenchResult] = run_cases(
            cases, invocation.settings, seconds=seconds, on_result=lambda _: bar.advance(task)
        )
    return results


def _working_engines(invocation: Invocation) -> list[str]:
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.faces.roles import EngineName  # noqa: PLC0415

    app = open_app(invocation.settings)

    def works(name: EngineName) -> bool:
        try:
            app.open_engine(name)
        except SteadfastError:
            return False
        return True

    return [name.value for name in EngineName if works(name)]


def _present_providers(invocation: Invocation) -> list[str]:
    from steadfast.errors import RuntimeMissing  # noqa: PLC0415
    from steadfast.inference.providers import choose_providers  # noqa: PLC0415

    try:
        return [p.value for p in choose_providers(invocation.settings.inference.providers).taken]
    except RuntimeMissing:
        return []  # the embedded engine needs none


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 64 <= int(width) <= 7680 and 64 <= int(height) <= 4320):
        raise InvalidOption(f"--size cannot be {text!r}.", remedy="Write it like 1280x720, up to 7680x4320.")
    return int(width) // 2 * 2, int(height) // 2 * 2  # what 4:2:0 takes


def _plain(results: "list[BenchResult]", advice: "Recommendation | None") -> dict[str, Any]:
    return {
        "results": [result.as_dict() for result in results],
        "recommended": None if advice is None else {**_fields(advice), "toml": advice.as_toml()},
    }


def _fields(advice: "Recommendation") -> dict[str, Any]:
    return {
        "engine": advice.engine,
        "provider": advice.provider,
        "threads": advice.threads,
        "fps": advice.fps,
    }


def _overview(
    results: "list[BenchResult]", advice: "Recommendation | None", config: Path | None
) -> RenderableType:
    from steadfast.settings import default_settings_file  # noqa: PLC0415

    failures = Text("\n".join(_failure(result) for result in results if result.figures is None), style="red")
    table = _table([result for result in results if result.figures is not None])
    if advice is None:
        return Group(failures, Text("Nothing worked; `steadfast doctor` says why.", style="red"))
    head = f"\nRecommended here ({advice.fps:.0f} frames/s at the largest size):"
    where = f"Put it into the settings file, {config or default_settings_file()}."
    shown = (table, failures) if failures else (table,)
    return Group(*shown, Text(head), Text(advice.as_toml(), style="green"), Text(where, style="dim"))


def _table(results: "list[BenchResult]") -> Table:
    """Of what worked; without the column of device memory where no model was on a device."""
    on_device = any(result.figures and result.figures.device_memory_mb is not None for result in results)
    table = Table(box=None, pad_edge=False, padding=(0, 1 if on_device else 2, 0, 0))
    for heading in _HEADINGS if on_device else _HEADINGS[:-1]:
        table.add_column(heading, justify="left" if heading in _NAMES else "right", no_wrap=True)
    for result in results:
        table.add_row(*_row(result, on_device=on_device))
    return table


def _row(result: "BenchResult", *, on_device: bool) -> Iterator[str]:
    case, figures = result.case, result.figures
    assert figures is not None
    yield from (case.engine, case.provider, f"{case.width}x{case.height}", str(case.threads))
    yield f"{figures.fps:.1f}"
    yield from (f"{ms:.1f}" for ms in (figures.analyse_ms, figures.swap_ms, figures.transcode_ms))
    yield f"{figures.peak_memory_mb:.0f}"
    if on_device:
        yield "—" if figures.device_memory_mb is None else f"{figures.device_memory_mb:.0f}"


def _failure(result: "BenchResult") -> str:
    case = result.case
    what = f"{case.engine}, {case.provider}, {case.width}x{case.height}, threads {case.threads}"
    return f"{what} failed: {(result.error or {}).get('detail', '')}"
