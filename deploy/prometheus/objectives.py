"""Rules and burn-rate alerts of every objective: `python -m deploy.prometheus.objectives` writes them.

After "Alerting on SLOs" of Google's SRE workbook: an alert needs a long window, which says that the budget is
really spent, and a short one, which lets it end soon after the trouble has. A budget is for 30 days; 14.4
times its pace spends 2 % of it in an hour, 6 times 5 % in six hours, its own pace 10 % in three days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steadfast.settings import ObjectiveSettings
from steadfast.sla.targets import NEURAL_GPU

FILE: Final = Path(__file__).parent / "rules" / "objectives.yml"
WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")
RUNBOOKS: Final = "{{ with $externalLabels.docs }}{{ . }}{{ else }}docs{{ end }}/runbooks"
"""Where the pages lie: below the URL that prometheus.yml says once, else below the repository."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A part of all that counts that must be good."""

    name: str
    """In the rules' names."""
    alert: str
    target: float
    """The part that must be good."""
    by: str
    """Labels that it is judged by."""
    bad: str
    """What is not good, per second; `$w` is the window."""
    total: str
    """All that counts, per second."""
    says: str
    """In one sentence, what is promised."""

    @property
    def budget(self) -> float:
        """The part that may be bad."""
        return 1.0 - self.target

    def threshold(self, pace: float) -> float:
        """The part that is bad when the budget is spent at that pace; never more than there can be."""
        return min(pace * self.budget, 0.9)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A long window and the short one that confirms it."""

    long: str
    short: str
    pace: float
    """Of the budget's own."""
    severity: str
    wait: str
    """How long it must hold."""


PAIRS: Final = (
    Pair(long="1h", short="5m", pace=14.4, severity="critical", wait="2m"),
    Pair(long="6h", short="30m", pace=6.0, severity="critical", wait="5m"),
    Pair(long="3d", short="6h", pace=1.0, severity="warning", wait="15m"),
)


def _counted(outcomes: str) -> str:
    return f'rate(steadfast_requests_total{{outcome=~"{outcomes}"}}[$w])'


def _slower_than(family: str, bound: str, which: str = "") -> tuple[str, str]:
    """What is beyond a bucket's bound, and everything."""
    total = f"rate({family}_count{{{which}}}[$w])" if which else f"rate({family}_count[$w])"
    inside = ", ".join(filter(None, (which, f'le="{bound}"')))
    return f"{total} - ignoring (le) rate({family}_bucket{{{inside}}}[$w])", total


_ANSWERED: Final = 'outcome=~"ok|degraded"'
_SETTINGS: Final = ObjectiveSettings()
"""What is promised where nothing else is said: the report and the alerts speak of the same."""

_IDENTITY: Final = NEURAL_GPU["neural"].identity


def _bound_of(by_size: Mapping[str, float]) -> float:
    """Rules know one bound for all sizes: the widest."""
    return max(by_size.values())


_P90_S, _P99_S = _bound_of(_SETTINGS.latency_p90_s), _bound_of(_SETTINGS.latency_p99_s)
_P90: Final = _slower_than("steadfast_request_duration_seconds", f"{_P90_S}", _ANSWERED)
_P99: Final = _slower_than("steadfast_request_duration_seconds", f"{_P99_S}", _ANSWERED)
_JOBS: Final = _slower_than(
    "steadfast_job_duration_seconds", f"{_SETTINGS.turnaround_s}", 'state=~"succeeded|failed"'
)
_TAKEOVER: Final = _slower_than("steadfast_takeover_seconds", f"{_SETTINGS.takeover_s}")

OBJECTIVES: Final = (
    Objective(
        name="availability",
        alert="SteadfastAvailabilityBudgetBurn",
        target=_SETTINGS.availability,
        by="environment, task",
        bad=_counted("shed|timeout|error"),
        total=_counted("ok|degraded|shed|timeout|error"),
        says=f"{_SETTINGS.availability:.2%} of the requests that are not the caller's fault are answered",
    ),
    Objective(
        name="success",
        alert="SteadfastSuccessBudgetBurn",
        target=_SETTINGS.success,
        by="environment, task",
        bad=_counted("timeout|error"),
        total=_counted("ok|degraded|timeout|error"),
        says=f"{_SETTINGS.success:.2%} of the requests that were let in are answered",
    ),
    Objective(
        name="latency_p90",
        alert="SteadfastLatencyP90BudgetBurn",
        target=0.90,
        by="environment, task, size_class",
        bad=_P90[0],
        total=_P90[1],
        says=f"9 of 10 answers take at most {_P90_S * 1000:g} ms",
    ),
    Objective(
        name="latency_p99",
        alert="SteadfastLatencyP99BudgetBurn",
        target=0.99,
        by="environment, task, size_class",
        bad=_P99[0],
        total=_P99[1],
        says=f"99 of 100 answers take at most {_P99_S:g} s",
    ),
    Objective(
        name="turnaround",
        alert="SteadfastTurnaroundBudgetBurn",
        target=_SETTINGS.turnaround,
        by="environment, task",
        bad=_JOBS[0],
        total=_JOBS[1],
        says=f"{_SETTINGS.turnaround:.0%} of the jobs are done in {_SETTINGS.turnaround_s / 60:g} minutes",
    ),
    Objective(
        name="takeover",
        alert="SteadfastTakeoverBudgetBurn",
        target=_SETTINGS.takeover,
        by="environment, task",
        bad=_TAKEOVER[0],
        total=_TAKEOVER[1],
        says=f"{_SETTINGS.takeover:.0%} of the places stand empty for at most "
        f"{_SETTINGS.takeover_s * 1000:g} ms when a worker dies",
    ),
    Objective(
        name="durability",
        alert="SteadfastDurabilityBudgetBurn",
        target=1.0,
        by="environment, task",
        bad="rate(steadfast_jobs_lost_total[$w])",
        total="rate(steadfast_jobs_submitted_total[$w])",
        says="no job that was accepted is lost",
    ),
    Objective(
        name="identity",
        alert="SteadfastIdentityBudgetBurn",
        target=_SETTINGS.quality_kept,
        by="environment, engine",
        bad=f'rate(steadfast_identity_similarity_bucket{{engine="neural", le="{_IDENTITY}"}}[$w])',
        total='rate(steadfast_identity_similarity_count{engine="neural"}[$w])',
        says=f"{_SETTINGS.quality_kept:.0%} of the swaps of the neural engine are as like their source as "
        f"promised ({_IDENTITY})",
    ),
    Objective(
        name="quality",
        alert="SteadfastQualityBudgetBurn",
        target=_SETTINGS.quality_kept,
        by="environment, engine, reading",
        bad='rate(steadfast_quality_readings_total{verdict="missed"}[$w])',
        total='rate(steadfast_quality_readings_total{verdict=~"met|missed"}[$w])',
        says=f"{_SETTINGS.quality_kept:.0%} of the sampled results are as good as their engine promises",
    ),
)


def recorded(objective: Objective, window: str) -> str:
    """Name of the rule that holds the part that was bad."""
    return f"objective:steadfast_{objective.name}_errors:ratio_rate{window}"


def _recording(objective: Objective, window: str) -> str:
    # Without any traffic it is 0 / 0, which is above no threshold.
    bad, total = (side.replace("$w", window) for side in (objective.bad, objective.total))
    return (
        f"      - record: {recorded(objective, window)}\n"
        f"        expr: >-\n"
        f"          sum by ({objective.by}) ({bad})\n"
        f"          / sum by ({objective.by}) ({total})\n"
    )


def _alert(objective: Objective, pair: Pair) -> str:
    bound = f"{objective.threshold(pair.pace):.6g}"
    return (
        f"      - alert: {objective.alert}\n"
        f"        expr: >-\n"
        f"          {recorded(objective, pair.long)} > {bound}\n"
        f"          and {recorded(objective, pair.short)} > {bound}\n"
        f"        for: {pair.wait}\n"
        f"        labels:\n"
        f"          severity: {pair.severity}\n"
        f"          window: {pair.long}\n"
        f"        annotations:\n"
        f'          summary: "The error budget of {objective.name} is spent too fast"\n'
        f'          description: "Promised: {objective.says}. Over {pair.long} '
        f'{{{{ $value | humanizePercentage }}}} were not good; the budget is {objective.budget:.3%}."\n'
        f'          runbook_url: "{RUNBOOKS}/{objective.alert}.md"\n'
    )


def rules() -> str:
    """The whole file."""
    recording = "".join(_recording(one, window) for one in OBJECTIVES for window in WINDOWS)
    alerts = "".join(_alert(one, pair) for one in OBJECTIVES for pair in PAIRS)
    return (
        "# Made by `python -m deploy.prometheus.objectives`; a test holds it true.\ngroups:\n"
        f"  - name: steadfast-objectives\n    rules:\n{recording}"
        f"  - name: steadfast-budgets\n    rules:\n{alerts}"
    )


if __name__ == "__main__":
    FILE.write_text(rules(), encoding="utf-8")
