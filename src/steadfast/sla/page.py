"""A report as one HTML file that needs nothing else: its styles and plots stand in it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from steadfast.sla import plots
from steadfast.sla.achievement import Standing
from steadfast.sla.report import MinuteState, Report
from steadfast.sla.words import MOST_EATERS, achieved, left, ms, percent, remainder, target, when

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; background: #fff; margin: 0 auto;
  padding: 2.5rem 1.5rem; max-width: 62rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p { margin: .4rem 0; max-width: 46rem; } .pale { color: #5d6b7a; }
.verdict { display: flex; gap: 1rem; flex-wrap: wrap; margin: 1.6rem 0 .5rem; }
.card { border: 1px solid #dde3ea; border-radius: 8px; padding: .8rem 1.1rem; min-width: 8.5rem; flex: 1; }
.card b { display: block; font-size: 1.55rem; font-variant-numeric: tabular-nums; }
.met { color: #1f7a45; } .missed { color: #b3261e; } .none { color: #5d6b7a; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #dde3ea; padding: .35rem .6rem .35rem 0; }
td { border-bottom: 1px solid #eef1f4; padding: .4rem .6rem .4rem 0; vertical-align: top; }
td:last-child { white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { background: #eef1f4; border-radius: 3px; height: .45rem; width: 6rem; margin: .3rem 0 0 auto; }
.bar i { display: block; height: 100%; border-radius: 3px; background: #2e9e5b; }
svg { width: 100%; height: auto; display: block; }
.key span { display: inline-block; margin-right: 1.2rem; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  margin-right: .35rem; vertical-align: -1px; border: 1px solid #0001; }
footer { margin-top: 3rem; border-top: 1px solid #dde3ea; padding-top: .8rem; font-size: .85rem; }
@media print { body { padding: 0; max-width: none; }
  h2 { break-after: avoid; } tr, svg { break-inside: avoid; } }
"""
_WORDS: Final = {
    MinuteState.GOOD: "answered",
    MinuteState.IDLE: "nobody asked",
    MinuteState.IMPAIRED: "something failed",
    MinuteState.DOWN: "down",
    MinuteState.MAINTENANCE: "planned maintenance",
}
_CLASSES: Final = {Standing.MET: "met", Standing.MISSED: "missed", Standing.NOT_MEASURED: "none"}


def as_html(report: Report) -> str:
    """The page. Raises `InvalidOption` where matplotlib is not there."""
    title = f"Service levels of {escape(report.service)}"
    sections = (
        _head(report, title),
        _objectives(report),
        _budget(report),
        _calendar(report),
        _slowest(report),
        _failures(report),
        _maintenance(report),
        _foot(report),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>{''.join(sections)}</body></html>\n"
    )


def _head(report: Report, title: str) -> str:
    counted = sum(report.outcomes.values())
    first = {one.name: one for one in report.objectives}
    cards = (
        ("all objectives", report.standing.value, report.standing),
        *(
            (name, percent(first[name].achieved), first[name].standing)
            for name in ("availability", "presence", "success")
        ),
        ("requests", f"{counted:,}".replace(",", " "), None),
    )
    shown = "".join(
        f'<div class="card {_CLASSES[standing] if standing else ""}"><b>{escape(text)}</b>{name}</div>'
        for name, text, standing in cards
    )
    return (
        f'<h1>{title}</h1><p class="pale">{when(report.period[0])} to {when(report.period[1])} UTC</p>'
        f'<div class="verdict">{shown}</div>'
    )


def _objectives(report: Report) -> str:
    rows = (
        (
            f"<b>{escape(one.name)}</b><br><span class=pale>{escape(one.says)}</span>",
            escape(target(one)),
            escape(achieved(one)),
            f"{escape(left(one))}{_bar(one.budget_left)}",
            f'<span class="{_CLASSES[one.standing]}">{one.standing.value}</span>',
        )
        for one in report.objectives
    )
    return "<h2>Objectives</h2>" + _table(
        ("Objective", "#Target", "#Achieved", "#Budget left", "Standing"), rows
    )


def _bar(part: float | None) -> str:
    if part is None:
        return ""
    return f'<div class="bar"><i style="width:{max(0.0, min(1.0, part)):.0%}"></i></div>'


def _budget(report: Report) -> str:
    drawn = plots.burn_down(report) if report.burn_down else "<p>No request that counts came.</p>"
    rows = (
        (
            when(one.begins_us),
            _lasted(one.ends_us - one.begins_us),
            f"<b>{escape(one.what)}</b><br><span class=pale>{escape(one.evidence)}</span>",
            str(one.bad_requests),
            f"{one.absent_s:.1f}" if one.absent_s else "",
        )
        for one in report.eaters[:MOST_EATERS]
    )
    heads = ("From (UTC)", "#Lasted", "What", "#Bad requests", "#Seconds without a server")
    rest = f"<p class=pale>{escape(remainder(report))}</p>"
    return (
        f"<h2>Error budget of availability</h2>{drawn}<h2>What ate the budget</h2>{_table(heads, rows)}{rest}"
    )


def _calendar(report: Report) -> str:
    counts = Counter(report.minutes)
    key = "".join(
        f'<span><i style="background:{plots.COLOURS[state]}"></i>{word}: {counts[state]} min</span>'
        for state, word in _WORDS.items()
    )
    drawn = plots.calendar(report) if report.minutes else ""
    return f'<h2>Minute by minute</h2>{drawn}<p class="key pale">{key}</p>'


def _slowest(report: Report) -> str:
    rows = (
        (
            escape(one.task),
            escape(one.engine),
            one.size_class,
            str(one.answers),
            *map(ms, (one.p50_s, one.p90_s, one.p99_s)),
        )
        for one in report.speeds
    )
    heads = ("Task", "Engine", "Size", "#Answers", "#p50", "#p90", "#p99")
    drawn = plots.speeds(report) if report.speeds else ""
    return f"<h2>Slowest classes</h2>{drawn}{_table(heads, rows)}"


def _failures(report: Report) -> str:
    outcomes = ((escape(name), str(n)) for name, n in sorted(report.outcomes.items()))
    errors = ((escape(task), escape(code), str(n)) for task, code, n in report.errors)
    return (
        f"<h2>What became of requests</h2>{_table(('Outcome', '#Requests'), outcomes)}"
        f"<h2>Failures of ours by code</h2>{_table(('Task', 'Code', '#Requests'), errors)}"
    )


def _maintenance(report: Report) -> str:
    rows = (
        (*map(when, one.interval), escape(one.why), "afterwards" if one.is_belated else "before it began")
        for one in report.maintenance
    )
    table = _table(("From (UTC)", "Until", "Why", "Announced"), rows)
    return f"<h2>Planned maintenance</h2><p class=pale>Does not count.</p>{table}"


def _foot(report: Report) -> str:
    return (
        "<footer class=pale>Made by Steadfast from its own ledger on "
        f"{report.made_at:%Y-%m-%d %H:%M} UTC. Availability counts answered requests against those that "
        "were shed, late, failed, or lost with a server; errors of the caller, callers over their rate and "
        "callers that left count on neither side. Presence counts the time from a server's last sign of life "
        "until the next one answered as absent. Figures that nothing was measured for are not counted as "
        "met.</footer>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML; a head that begins with # is of numbers."""
    classes = [' class="n"' if head.startswith("#") else "" for head in heads]
    body = "".join(
        f"<tr>{''.join(f'<td{class_}>{cell}</td>' for class_, cell in zip(classes, row, strict=True))}</tr>"
        for row in rows
    )
    if not body:
        return "<p>None.</p>"
    head = "".join(
        f"<th{class_}>{name.removeprefix('#')}</th>" for class_, name in zip(classes, heads, strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _lasted(us: int) -> str:
    seconds = us / 1e6
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
