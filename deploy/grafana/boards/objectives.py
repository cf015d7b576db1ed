"""Objectives and their error budgets, from the rules in deploy/prometheus."""

from deploy.grafana.panel import GREEN, ORANGE, RED, YELLOW, Board, Look, Panel, Row, query
from deploy.prometheus.objectives import OBJECTIVES, PAIRS, Objective, recorded

_ENVIRONMENT = 'environment=~"$environment"'


def _left(objective: Objective) -> str:
    ratio = recorded(objective, "3d")
    if not objective.budget:  # nothing may be bad, so what is left is all or nothing
        return f"1 - max by (environment) ({ratio}{{{_ENVIRONMENT}}} > bool 0)"
    return f"1 - max by (environment) ({ratio}{{{_ENVIRONMENT}}}) / {objective.budget:.6g}"


def _paces(objective: Objective) -> str:
    if not objective.budget:
        return "Of what was accepted, the part that was not good; the alerts fire at the first."
    paces = ", ".join(f"{objective.threshold(pair.pace) / objective.budget:.3g}" for pair in PAIRS)
    return f"1 spends a month's budget in a month; the alerts fire at {paces}."


def _per_budget(objective: Objective) -> str:
    return f" / {objective.budget:.6g}" if objective.budget else ""


def _row(objective: Objective) -> Row:
    title = objective.name.replace("_", " ")
    labels = " ".join(f"{{{{{label.strip()}}}}}" for label in objective.by.split(",")[1:])
    return Row(
        title=f"{title}: {objective.says}",
        panels=(
            Panel(
                title=f"Budget left, {title}",
                says="Of what the last three days may have; below 0 more was spent than there was.",
                queries=(query(_left(objective), "left"),),
                look=Look.NUMBER,
                unit="percentunit",
                steps=((None, RED), (0.0, ORANGE), (0.25, YELLOW), (0.5, GREEN)),
                width=5,
                height=7,
                least=None,
            ),
            Panel(
                title=f"How fast it is spent, {title}",
                says=_paces(objective),
                queries=tuple(
                    query(
                        f"{recorded(objective, window)}{{{_ENVIRONMENT}}}{_per_budget(objective)}",
                        f"{window} {labels}",
                    )
                    for window in ("5m", "1h", "6h", "3d")
                ),
                steps=((None, GREEN), (1, YELLOW), (6, ORANGE), (14.4, RED)),
                width=19,
                height=7,
            ),
        ),
    )


BOARD = Board(
    uid="steadfast-objectives",
    title="Steadfast: objectives and error budgets",
    says="What is promised, what is left of it, and how fast it goes. The report to believe is made from the ledger.",
    rows=tuple(map(_row, OBJECTIVES)),
    variables=("environment",),
    since="now-24h",
    refresh="1m",
)
