"""The plots of a report as SVG, to stand in a page. Needs matplotlib (extra `report`)."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from steadfast.errors import InvalidOption
from steadfast.sla.report import MinuteState, Report, moment
from steadfast.sla.tally import MINUTE_US

COLOURS: Final = {
    MinuteState.UNKNOWN: "#ffffff",
    MinuteState.IDLE: "#e3e8ee",
    MinuteState.GOOD: "#2e9e5b",
    MinuteState.IMPAIRED: "#f0a202",
    MinuteState.DOWN: "#c8321f",
    MinuteState.MAINTENANCE: "#5b7fb5",
}
"""Of a minute; told apart by lightness too, for whoever does not see red and green."""
_INK: Final = "#1d2733"
_PALE: Final = "#8a97a6"
_BLUE: Final = "#2b6cb0"
_DAY_MINUTES: Final = 1440
_HOUR_MINUTES: Final = 60
_SHORT_MINUTES: Final = 3 * _DAY_MINUTES
_UNDATED: Final = {"Date": None, "Creator": None}
_STYLE: Final = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": _PALE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def burn_down(report: Report) -> str:
    """How the budget of availability shrank."""
    with _canvas("burn", 2.4) as (axes, drawing):
        times = [moment(point.at_us) for point in report.burn_down]
        left = [100 * point.left for point in report.burn_down]
        axes.fill_between(times, left, 0, color=_BLUE, alpha=0.15, linewidth=0)
        axes.plot(times, left, color=_BLUE, linewidth=1.8)
        axes.axhline(0, color=COLOURS[MinuteState.DOWN], linewidth=1)
        axes.set_ylim(min(0.0, *left) * 1.05, 105)
        axes.set_ylabel("budget left, %")
        _mark_maintenance(axes, report)
        _date_axis(axes)
    return drawing.svg


def calendar(report: Report) -> str:
    """Every minute of the period, a day (or an hour, where the period is short) to a line."""
    import numpy as np  # noqa: PLC0415
    from matplotlib.colors import ListedColormap  # noqa: PLC0415

    across = _HOUR_MINUTES if len(report.minutes) <= _SHORT_MINUTES else _DAY_MINUTES
    before = report.first_minute % across
    rows = -(-(before + len(report.minutes)) // across)
    cells = np.full(rows * across, MinuteState.UNKNOWN, dtype=np.uint8)
    cells[before : before + len(report.minutes)] = report.minutes
    with _canvas("calendar", max(1.2, 0.6 + 0.19 * rows)) as (axes, drawing):
        colours = ListedColormap([COLOURS[state] for state in MinuteState])
        axes.imshow(
            cells.reshape(rows, across),
            cmap=colours,
            vmin=0,
            vmax=len(MinuteState) - 1,
            aspect="auto",
            interpolation="nearest",
        )
        axes.set_yticks(range(rows), _row_names(report, across, rows), fontsize=8)
        ticks = range(0, across + 1, across // 12)
        axes.set_xticks([tick - 0.5 for tick in ticks], [_tick(tick, across) for tick in ticks], fontsize=8)
        axes.hlines([row + 0.5 for row in range(rows - 1)], -0.5, across - 0.5, color="white", linewidth=1.5)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return drawing.svg


def speeds(report: Report) -> str:
    """Quantiles of the slowest classes."""
    slowest = list(report.speeds[:8])[::-1]
    with _canvas("speeds", 0.9 + 0.42 * len(slowest)) as (axes, drawing):
        names = [" ".join(filter(None, (one.task, one.engine, one.size_class))) for one in slowest]
        for row, one in enumerate(slowest):
            axes.plot([one.p50_s, one.p99_s], [row, row], color=_PALE, linewidth=2, zorder=1)
            for value, colour in ((one.p50_s, "#9cc3e6"), (one.p90_s, _BLUE), (one.p99_s, _INK)):
                axes.scatter([value], [row], color=colour, s=46, zorder=2)
        for label, colour in (("p50", "#9cc3e6"), ("p90", _BLUE), ("p99", _INK)):
            axes.scatter([], [], color=colour, s=46, label=label)
        axes.set_yticks(range(len(slowest)), names)
        axes.set_ylim(-0.6, len(slowest) - 0.4)
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds from the request to the end of its answer")
        axes.legend(ncols=3, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    return drawing.svg


def _row_names(report: Report, across: int, rows: int) -> Sequence[str]:
    first = report.first_minute // across
    form = "%a %d %b" if across == _DAY_MINUTES else "%d %b %H:00"
    return [moment((first + row) * across * MINUTE_US).strftime(form) for row in range(rows)]


def _tick(minute: int, across: int) -> str:
    return f"{minute // 60}:00" if across == _DAY_MINUTES else f":{minute:02d}"


def _mark_maintenance(axes: Any, report: Report) -> None:
    for one in report.maintenance:
        colour = COLOURS[MinuteState.MAINTENANCE]
        axes.axvspan(one.begins_at, one.ends_at, color=colour, alpha=0.3, linewidth=0)


def _date_axis(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

    locator = AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.margins(x=0)


class _Drawing:
    """One figure, and what becomes of it."""

    def __init__(self, name: str, height_in: float) -> None:
        try:
            import matplotlib as mpl  # noqa: PLC0415
            from matplotlib.figure import Figure  # noqa: PLC0415
        except ImportError as error:
            raise InvalidOption(
                "A report as HTML has plots, which need matplotlib.",
                remedy="Install it: `pip install 'steadfast[report]'`; or choose --format md, json or csv.",
            ) from error
        self._style = mpl.rc_context({**_STYLE, "svg.hashsalt": name})
        self._name = name
        self._new_figure: Callable[[], Any] = partial(Figure, figsize=(9.2, height_in), layout="constrained")
        self.svg = ""

    def __enter__(self) -> tuple[Any, "_Drawing"]:
        self._style.__enter__()
        self._figure = self._new_figure()
        return self._figure.add_subplot(), self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            stream = io.StringIO()
            # Without its date, the same figures make the same file.
            self._figure.savefig(stream, format="svg", metadata=_UNDATED, transparent=True)
            text = stream.getvalue()
            self.svg = text[text.index("<svg") :]
        self._style.__exit__(None, None, None)


def _canvas(name: str, height_in: float) -> _Drawing:
    return _Drawing(name, height_in)
