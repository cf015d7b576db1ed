"""Timelines of a drill as SVG, to stand in a page. Needs matplotlib (extra `report`)."""

import io
from collections.abc import Sequence
from typing import Any, Final

from steadfast.drill.drill import DrillResult
from steadfast.drill.traffic import Sent
from steadfast.drill.verdicts import Outcome

_INK, _PALE, _BLUE, _RED, _GREEN, _AMBER = "#1d2733", "#8a97a6", "#2b6cb0", "#b3261e", "#2e9e5b", "#f0a202"
_BEFORE_S, _AFTER_S = 8.0, 10.0
_MIB: Final = 1 << 20
_UNDATED: Final = {"Date": None, "Creator": None}
_HEALTH: Final = {"healthy": _GREEN, "degraded": _AMBER, "unhealthy": _RED, "silent": _INK}
_STYLE: Final = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": _PALE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def fault_timeline(result: DrillResult, outcome: Outcome) -> str:
    """Latency, throughput, memory, health and incidents around one fault; seconds from its injection."""
    window = (outcome.at_s - _BEFORE_S, outcome.closed_s + _AFTER_S)
    return _drawn(outcome.fault, (9.2, 4.6), _rows(result, window, zero_s=outcome.at_s, faults=[outcome]))


def whole_timeline(result: DrillResult) -> str:
    """The same of the whole drill; seconds from its beginning."""
    end_s = max([at_s for at_s, _ in result.looks], default=1.0)
    return _drawn("whole", (9.2, 4.6), _rows(result, (0.0, end_s), zero_s=0.0, faults=result.outcomes))


class _Rows:
    """What is drawn, above one another."""

    def __init__(
        self, result: DrillResult, window: tuple[float, float], zero_s: float, faults: Sequence[Outcome]
    ) -> None:
        self._window = window
        self._zero_s = zero_s
        self._faults = [fault for fault in faults if fault.requests or fault.closed_s > fault.at_s]
        begin_s, end_s = window
        self._sent = [(at_s, one) for at_s, one in result.sent if begin_s <= at_s <= end_s]
        self._looks = [(at_s, look) for at_s, look in result.looks if begin_s <= at_s <= end_s]
        self._incidents = [(at_s, kind) for at_s, kind in result.incidents if begin_s <= at_s <= end_s]

    def draw(self, panels: Sequence[Any]) -> None:
        """On five axes."""
        for draw, axes in zip(
            (self._latency, self._throughput, self._memory, self._health, self._happened), panels, strict=True
        ):
            draw(axes)
            for fault in self._faults:
                begin_s, end_s = self._at(fault.at_s), self._at(fault.ended_s)
                axes.axvspan(begin_s, end_s, color=_RED, alpha=0.12, linewidth=0)
                axes.axvline(begin_s, color=_RED, alpha=0.6, linewidth=0.8)  # of a moment, all that is seen
            axes.set_xlim(self._window[0] - self._zero_s, self._window[1] - self._zero_s)
        panels[-1].set_xlabel("seconds from the injection" if self._zero_s else "seconds from the beginning")

    def _at(self, at_s: float) -> float:
        return at_s - self._zero_s

    def _latency(self, axes: Any) -> None:
        for colour, label in ((_BLUE, "answered"), (_AMBER, "retried unseen"), (_RED, "refused or failed")):
            points = [(self._at(at_s), one.answer.took_ms) for at_s, one in self._sent if _word(one) == label]
            if points:
                axes.scatter(*zip(*points, strict=True), s=7, color=colour, label=label, linewidths=0)
        if self._sent:
            axes.set_yscale("log")
            axes.legend(
                ncols=3,
                frameon=False,
                loc="lower right",
                bbox_to_anchor=(1, 0.95),
                fontsize=8,
                handletextpad=0.1,
            )
        axes.set_ylabel("latency\nms", rotation=0, ha="right", va="center")

    def _throughput(self, axes: Any) -> None:
        seconds = range(int(self._window[0]) - 1, int(self._window[1]) + 1)
        good = dict.fromkeys(seconds, 0)
        bad = dict.fromkeys(seconds, 0)
        for at_s, one in self._sent:
            ended_s = int(at_s + one.answer.took_ms / 1000)
            counts = good if one.answer.is_good else bad
            if ended_s in counts:
                counts[ended_s] += 1
        xs = [self._at(second) for second in seconds]
        axes.bar(xs, list(good.values()), width=1.0, align="edge", color=_BLUE)
        axes.bar(xs, list(bad.values()), width=1.0, align="edge", color=_RED, bottom=list(good.values()))
        axes.set_ylabel("answers\nper s", rotation=0, ha="right", va="center")

    def _memory(self, axes: Any) -> None:
        points = [
            (self._at(at_s), look.resident_bytes / _MIB) for at_s, look in self._looks if look.resident_bytes
        ]
        if points:
            axes.plot(*zip(*points, strict=True), color=_INK, linewidth=1.2)
            axes.set_ylim(bottom=0)
        axes.set_ylabel("memory\nMiB", rotation=0, ha="right", va="center")

    def _health(self, axes: Any) -> None:
        for (at_s, look), later in zip(self._looks, [at for at, _ in self._looks[1:]], strict=False):
            word = look.status if look.answers else "silent"
            colour = _HEALTH.get(word, _AMBER)
            axes.barh(0, self._at(later) - self._at(at_s), left=self._at(at_s), height=0.8, color=colour)
            if look.answers and not look.is_whole:
                axes.barh(1, self._at(later) - self._at(at_s), left=self._at(at_s), height=0.8, color=_PALE)
        axes.set_yticks([0, 1], ["health", "not whole"])
        axes.set_ylim(-0.6, 1.6)

    def _happened(self, axes: Any) -> None:
        rows = 3
        for number, (at_s, kind) in enumerate(sorted(self._incidents)):
            axes.plot([self._at(at_s)], [number % rows], marker="v", color=_RED, markersize=5)
            if len(self._incidents) <= 12:
                axes.annotate(
                    kind,
                    (self._at(at_s), number % rows),
                    (5, 0),
                    textcoords="offset points",
                    fontsize=8,
                    va="center",
                )
        axes.set_ylim(-0.7, rows - 0.3)
        axes.set_yticks([1], ["incidents"])


def _word(one: Sent) -> str:
    if not one.answer.is_good:
        return "refused or failed"
    return "retried unseen" if one.retried_unseen else "answered"


def _rows(
    result: DrillResult, window: tuple[float, float], *, zero_s: float, faults: Sequence[Outcome]
) -> _Rows:
    return _Rows(result, window, zero_s, faults)


def _drawn(name: str, size_in: tuple[float, float], rows: _Rows) -> str:
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size_in, layout="constrained")
        panels = figure.subplots(5, 1, sharex=True, gridspec_kw={"height_ratios": [2.4, 1.6, 1.2, 0.7, 0.9]})
        for axes in panels[-2:]:
            axes.spines[:].set_visible(False)
            axes.tick_params(axis="y", length=0)
        rows.draw(panels)
        stream = io.StringIO()
        # Without its date, the same figures make the same file.
        figure.savefig(stream, format="svg", metadata=_UNDATED, transparent=True)
    text = stream.getvalue()
    return text[text.index("<svg") :]
