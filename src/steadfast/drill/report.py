"""The report of a drill as one HTML file that needs nothing else: its styles and plots stand in it."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

from steadfast import __version__
from steadfast.drill import plots
from steadfast.drill.drill import DrillResult
from steadfast.drill.table import HEADINGS, cells, summary
from steadfast.drill.verdicts import Outcome, Verdict
from steadfast.errors import OutputUnwritable

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; background: #fff; margin: 0 auto;
  padding: 2.5rem 1.5rem; max-width: 66rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.6rem 0 .3rem; }
p { margin: .4rem 0; max-width: 48rem; } .pale { color: #5d6b7a; }
.cards { display: flex; gap: .7rem; flex-wrap: wrap; margin: 1.6rem 0 .5rem; }
.card { border: 1px solid #dde3ea; border-radius: 8px; padding: .7rem .9rem; min-width: 5.5rem; flex: 1; }
.card b { display: block; font-size: 1.55rem; font-variant-numeric: tabular-nums; }
.held { color: #1f7a45; } .broken { color: #b3261e; } .not-run { color: #8a6100; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #dde3ea; padding: .35rem .6rem .35rem 0;
  vertical-align: bottom; }
td { border-bottom: 1px solid #eef1f4; padding: .35rem .6rem .35rem 0; vertical-align: top;
  white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
a { color: inherit; } svg { width: 100%; height: auto; display: block; }
footer { margin-top: 3rem; border-top: 1px solid #dde3ea; padding-top: .8rem; font-size: .85rem; }
@media print { body { padding: 0; max-width: none; } section { break-inside: avoid; } }
"""


def write_report(file: Path, result: DrillResult, *, seed: int) -> None:
    """Whole or not at all. Raises `OutputUnwritable`, or `InvalidOption` where matplotlib is not there."""
    page = as_html(result, seed=seed, made_at=datetime.now(tz=UTC))
    aside = file.with_name(f".{file.name}.new")
    try:
        aside.write_text(page, encoding="utf-8")
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputUnwritable(f"The report {file} cannot be written ({error.strerror}).") from error


def as_html(result: DrillResult, *, seed: int, made_at: datetime) -> str:
    """The page."""
    sections = [
        _head(result, seed),
        _table(result.outcomes),
        f"<h2>The whole drill</h2>{_own_ids(plots.whole_timeline(result), 'whole')}",
        *(
            _fault(result, outcome, _anchor(outcome, number))
            for number, outcome in enumerate(result.outcomes)
            if outcome.verdict is not Verdict.NOT_RUN
        ),
        _not_run(result.outcomes),
        _foot(made_at),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fault drill</title><style>{_STYLE}</style></head>\n<body>{''.join(sections)}</body></html>\n"
    )


def _head(result: DrillResult, seed: int) -> str:
    count = {verdict: sum(one.verdict is verdict for one in result.outcomes) for verdict in Verdict}
    cards = (
        (str(count[Verdict.HELD]), "held", "held"),
        (str(count[Verdict.BROKEN]), "broken", "broken" if count[Verdict.BROKEN] else ""),
        (str(count[Verdict.NOT_RUN]), "not run here", "not-run" if count[Verdict.NOT_RUN] else ""),
        (str(len(result.sent)), "requests", ""),
        (str(sum(one.failed for one in result.outcomes)), "failed during faults", ""),
        (str(sum(one.retried_unseen for one in result.outcomes)), "retried unseen", ""),
        (f"{len(result.jobs_lost)} of {result.jobs}", "jobs lost", "broken" if result.jobs_lost else ""),
    )
    shown = "".join(f'<div class="card {kind}"><b>{number}</b>{name}</div>' for number, name, kind in cards)
    machine = f"{os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} {platform.release()}"
    return (
        f"<h1>Fault drill</h1><p class=pale>Seed {seed}, {result.rate_per_s:g} requests per second, "
        f"{result.took_s / 60:.1f} minutes; {escape(machine)}.</p>"
        f'<div class="cards">{shown}</div><p class=pale>{escape(summary(result.outcomes))}</p>'
    )


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _table(outcomes: Iterable[Outcome]) -> str:
    head = "".join(
        f'<th class="{"n" if side == "right" else ""}">{escape(name)}</th>' for name, side in HEADINGS
    ).replace("\n", "<br>")
    body = "".join(
        f"<tr>{_row(outcome, _anchor(outcome, number))}</tr>" for number, outcome in enumerate(outcomes)
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return (
        f'<h2>Fault by fault</h2><div class="scroll">{table}</div><p class=pale>Detected: from the '
        "injection; recovered: from the fault's end to every worker and spare serving. Failed (+ refused "
        "with a code that is expected meanwhile). Requests that carry a fault are not among those sent.</p>"
    )


def _row(outcome: Outcome, anchor: str) -> str:
    words = [escape(cell) for cell in cells(outcome)]
    kind = outcome.verdict.value.replace(" ", "-")
    if outcome.verdict is not Verdict.NOT_RUN:
        words[0] = f'<a href="#{anchor}">{words[0]}</a>'
    words[-1] = f'<b class="{kind}">{words[-1]}</b>'
    sides = [side for _, side in HEADINGS]
    return "".join(
        f'<td class="{"n" if side == "right" else ""}">{word}</td>'
        for word, side in zip(words, sides, strict=True)
    )


def _anchor(outcome: Outcome, number: int) -> str:
    """A long drill has a fault more than once."""
    return f"{outcome.fault}-{number}"


def _fault(result: DrillResult, outcome: Outcome, anchor: str) -> str:
    kind = outcome.verdict.value
    told = [outcome.what]
    if outcome.detected_by:
        told.append(f"Detected by {outcome.detected_by.replace('_', ' ')} after {outcome.detected_s:.1f} s.")
    if outcome.carriers:
        told.append(f"What carried it was answered {_counted(outcome.carriers)}.")
    if outcome.failures:
        told.append(f"Failed: {_counted(outcome.failures)}.")
    if outcome.incidents:
        told.append(f"Incidents: {_counted(outcome.incidents)}.")
    why = "".join(f'<p class="broken">{escape(reason)}</p>' for reason in outcome.why)
    return (
        f'<section id="{anchor}"><h2>{escape(outcome.fault)} <span class="{kind}">{kind}</span></h2>'
        f"<p class=pale>{escape(' '.join(told))}</p>{why}"
        f"{_own_ids(plots.fault_timeline(result, outcome), anchor)}</section>"
    )


def _own_ids(svg: str, prefix: str) -> str:
    """Names inside a plot made unique in the page, where many plots have the same."""
    return re.sub(r'(id="|"#|url\(#)', rf"\g<1>{prefix}-", svg)


def _not_run(outcomes: Iterable[Outcome]) -> str:
    rows = "".join(
        f"<p><b>{escape(one.fault)}</b>: {escape(' '.join(one.why))}.</p>"
        for one in outcomes
        if one.verdict is Verdict.NOT_RUN
    )
    return f"<h2>Not run here</h2>{rows}" if rows else ""


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} × {count}" for name, count in counts.items())


def _foot(made_at: datetime) -> str:
    return (
        f"<footer class=pale>Made by Steadfast {__version__} on {made_at:%Y-%m-%d %H:%M} UTC. In the "
        "timelines the red area is the fault; health is green, degraded amber, unhealthy red, black where "
        "the port did not answer; grey: a worker or spare was missing or stepped down.</footer>"
    )
