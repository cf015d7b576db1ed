"""docs/comparison.md, made of the results: one table, and where another server is better, that."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.results import Measured

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "comparison.md"
OURS = "steadfast"
COLUMNS = {
    "steadfast": "Steadfast",
    "fastapi": "FastAPI + uvicorn",
    "litserve": "LitServe",
    "bentoml": "BentoML",
    "ray": "Ray Serve",
    "mosec": "mosec",
}
_BEGIN, _END = "<!-- measured -->", "<!-- end of measured -->"
_CLEARLY = 1.1
"""By which factor another must be better before the page says so: runs differ by less."""
_NEVER = math.inf
_IN_WORDS = {"422", "500", "502", "503"}
"""Statuses that tell a sender that the picture was not done."""
Figures = dict[str, Any]
Found = Mapping[str, Mapping[str, Measured]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One question, and how an answer is told and ranked."""

    title: str
    scenario: str
    tell: Callable[[Figures], str]
    rank: Callable[[Figures], float]
    """Less is better."""
    better: str
    """What a server is, whose rank is less: completes `NAME …`."""


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _lost(figures: Figures) -> str:
    return f"{figures['failed']} of {figures['requests']}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} × {name}" for name, n in counts.items()) or "none"


def _share_lost(figures: Figures) -> float:
    return float(figures["failed"]) / max(1, int(figures["requests"]))


def _or_never(name: str) -> Callable[[Figures], float]:
    return lambda figures: _NEVER if figures[name] is None else float(figures[name])


def _health(figures: Figures) -> str:
    red = figures["red_after_s"]
    return "stays green" if red is None else f"red after {red:.1f} s"


def _hang_rows(scenario: str, what: str) -> tuple[Row, ...]:
    return (
        Row(
            title=f"{what}: what their clients hear",
            scenario=scenario,
            tell=lambda f: f"{_counts(f['hung'])}, within {f['hung_answered_s']:.1f} s",
            rank=lambda f: _NEVER if "no answer" in f["hung"] else float(f["hung_answered_s"]),
            better="answers them sooner",
        ),
        Row(
            title="… does a hung inference ever end",
            scenario=scenario,
            tell=lambda f: (
                f"{f['ended']} of 2 processes ended or work again; pace {f['pace_after']:.0%} of before"
            ),
            rank=lambda f: -float(f["ended"]),
            better="ends more of them",
        ),
        Row(
            title="… others are served again after",
            scenario=scenario,
            tell=lambda f: _seconds(f["serving_again_s"]),
            rank=_or_never("serving_again_s"),
            better="serves others again sooner",
        ),
        Row(
            title="… others meanwhile (they ask again at once when they are refused)",
            scenario=scenario,
            tell=lambda f: (
                f"{f['answers'].get('200', 0)} good answers in {f['watched_s'] + 4:.0f} s, not: "
                + _counts({words: n for words, n in f["answers"].items() if words != "200"})
            ),
            rank=lambda f: -float(f["answers"].get("200", 0)),
            better="answers more of them",
        ),
        Row(
            title="… does health notice",
            scenario=scenario,
            tell=lambda f: f"{_health(f)}; {f['green_while_dead_s']:.0f} s green while nobody was served",
            rank=lambda f: float(f["green_while_dead_s"]),
            better="is green for less time while nobody is served",
        ),
    )


def _fault_rows(scenario: str, what: str) -> tuple[Row, ...]:
    return (
        Row(
            title=f"{what}: requests that failed",
            scenario=scenario,
            tell=_lost,
            rank=_share_lost,
            better="loses fewer requests",
        ),
        Row(
            title="… longest time without a good answer",
            scenario=scenario,
            tell=lambda f: f"{f['longest_silence_s']:.1f} s",
            rank=lambda f: max(1.0, float(f["longest_silence_s"])),  # two photos' time is no outage
            better="is silent for less time",
        ),
        Row(
            title="… at full strength again after",
            scenario=scenario,
            tell=lambda f: (
                _seconds(f["whole_again_s"])
                if f["whole_again_s"] is not None
                else f"not within {f['watched_s']:.0f} s"
            ),
            rank=_or_never("whole_again_s"),
            better="is whole again sooner",
        ),
    )


def _throughput_rows() -> tuple[Row, ...]:
    def at(clients: str) -> Row:
        return Row(
            title=f"photos/s, {clients} client{'' if clients == '1' else 's'}",
            scenario="throughput",
            tell=lambda f: f"{f['photos_per_s'][clients]:.1f} (median {f['p50_ms'][clients]:.0f} ms)",
            rank=lambda f: -float(f["photos_per_s"][clients]),
            better=f"does more photos per second with {clients}",
        )

    return (
        at("1"),
        at("4"),
        at("16"),
        Row(
            title="processor time per photo, all processes, 4 clients",
            scenario="throughput",
            tell=lambda f: f"{f['cpu_ms_per_photo']['4']:.0f} ms",
            rank=lambda f: float(f["cpu_ms_per_photo"]["4"]),
            better="takes less processor time per photo",
        ),
        Row(
            title="memory of all processes, two workers loaded",
            scenario="throughput",
            tell=lambda f: f"{f['memory_mib']} MiB",
            rank=lambda f: float(f["memory_mib"]),
            better="takes less memory (Steadfast keeps a loaded spare)",
        ),
    )


ROWS: tuple[Row, ...] = (
    *_throughput_rows(),
    *_fault_rows("kill", "a busy worker is SIGKILLed"),
    *_fault_rows("segfault", "one picture faults in native code, sent 3 times"),
    Row(
        title="… what its sender hears",
        scenario="segfault",
        tell=lambda f: f"{_counts(f['culprit'])}, within {f['culprit_s']:.1f} s",
        rank=lambda f: _NEVER if {words[:3] for words in f["culprit"]} - _IN_WORDS else 0.0,
        better="tells the sender",
    ),
    *_fault_rows("stop", "a busy worker is SIGSTOPped"),
    *_hang_rows("hang-asleep", "8 inferences sleep for ever"),
    *_hang_rows("hang-locked", "8 inferences never return and hold the GIL"),
    Row(
        title="a request wants more memory than there is (RLIMIT_AS)",
        scenario="hunger",
        tell=lambda f: (
            f"{f['answer']}{' (degraded, and says so)' if f['degraded'] else ''}; others: "
            f"{f['others_failed']} of {f['others']} failed"
        ),
        rank=lambda f: (f["answer"] != "200") + _share(f["others_failed"], f["others"]),
        better="gets through it better",
    ),
    Row(
        title="10 × overload: good answers in time, of capacity",
        scenario="overload",
        tell=lambda f: f"{f['in_time_per_s'] / f['capacity_per_s']:.0%} of {f['capacity_per_s']:.1f}/s",
        rank=lambda f: -min(1.0, float(f["in_time_per_s"]) / float(f["capacity_per_s"])),
        better="answers more of them in time",
    ),
    Row(
        title="… sheds or piles up",
        scenario="overload",
        tell=lambda f: (
            f"{_counts(f['answers'])}; refusals "
            + ("none" if f["refused_median_ms"] is None else f"in {f['refused_median_ms']:.0f} ms")
        ),
        rank=lambda f: _NEVER if f["refused_median_ms"] is None else max(20.0, f["refused_median_ms"]),
        better="refuses sooner",
    ),
    Row(
        title="… p99 of good answers",
        scenario="overload",
        tell=lambda f: f"{f['good_p99_ms'] / 1000:.1f} s",
        rank=lambda f: _NEVER if math.isnan(f["good_p99_ms"]) else float(f["good_p99_ms"]),
        better="has a shorter p99",
    ),
    Row(
        title="… memory before, peak",
        scenario="overload",
        tell=lambda f: f"{f['memory_before_mib']}, {f['memory_peak_mib']} MiB",
        rank=lambda f: f["memory_peak_mib"] - f["memory_before_mib"],
        better="grows less",
    ),
    Row(
        title="… a request sent when it is over",
        scenario="overload",
        tell=lambda f: f"{f['first_after']} after {f['first_after_s']:.1f} s",
        rank=lambda f: float(f["first_after_s"]) if f["first_after"] == "200" else _NEVER,
        better="serves the first request after it sooner",
    ),
    Row(
        title="a model leaks 8 MiB per photo, 240 photos: memory before, peak, after",
        scenario="leak",
        tell=lambda f: (
            f"{f['memory_before_mib']}, {f['memory_peak_mib']}, {f['memory_after_mib']} MiB; "
            f"{f['workers_replaced']} workers replaced"
        ),
        rank=lambda f: f["memory_peak_mib"] - f["memory_before_mib"],
        better="grows less",
    ),
    Row(
        title="… requests that failed",
        scenario="leak",
        tell=_lost,
        rank=_share_lost,
        better="loses fewer requests",
    ),
)


def _share(part: float, whole: float) -> float:
    return part / max(1, whole)


def table(found: Found) -> str:
    """Rows are questions, columns servers; a cell in bold is clearly better than ours."""
    names = [name for name in COLUMNS if found.get(name)]
    lines = [
        "| | " + " | ".join(COLUMNS[name] for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for row in ROWS:
        cells = [_cell(row, name, found) for name in names]
        lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row, name: str, found: Found) -> str:
    measured = found[name].get(row.scenario)
    if measured is None:
        return "not measured"
    told = row.tell(measured.figures)
    return f"**{told}**" if is_better(row, name, found) else told


def is_better(row: Row, name: str, found: Found) -> bool:
    """Whether that server is clearly better than ours at it."""
    theirs, ours = found[name].get(row.scenario), found.get(OURS, {}).get(row.scenario)
    if name == OURS or theirs is None or ours is None:
        return False
    their_rank, our_rank = row.rank(theirs.figures), row.rank(ours.figures)
    if their_rank >= our_rank:
        return False
    # Ranks below nought are more of something good.
    larger, smaller = max(abs(their_rank), abs(our_rank)), min(abs(their_rank), abs(our_rank))
    return smaller == 0 or larger / smaller >= _CLEARLY


def better_elsewhere(found: Found) -> str:
    """A line per server and row in which it is clearly better than ours."""
    lines = []
    for name, title in COLUMNS.items():
        rows = [row for row in ROWS if found.get(name) and is_better(row, name, found)]
        lines += [
            f"- **{title}** {row.better} ({_context(row)}): {row.tell(_figures(found, name, row))}; "
            f"Steadfast: {row.tell(_figures(found, OURS, row))}."
            for row in rows
        ]
    return "\n".join(lines) or "Nowhere in these rows."


def _context(row: Row) -> str:
    words = {
        "throughput": "nothing amiss",
        "kill": "SIGKILL",
        "segfault": "fault in native code",
        "stop": "SIGSTOP",
        "hang-asleep": "hangs asleep",
        "hang-locked": "hangs with the GIL",
        "hunger": "out of memory",
        "overload": "overload",
        "leak": "leak",
    }
    return words[row.scenario]


def _figures(found: Found, name: str, row: Row) -> Figures:
    return found[name][row.scenario].figures


def cost_of_supervision(found: Found) -> str:
    """Ratios to bare calls and to FastAPI that calls the function in its event loop."""
    bare, inline = found.get("function", {}).get("bare"), found.get("fastapi-inline", {}).get("throughput")
    if bare is None or inline is None:
        return "Not measured."
    lines = [
        "| | photos/s, 1 client | … of bare calls | photos/s, 4 clients | … of bare calls, two processes | "
        "processor time per photo, 4 clients | … of FastAPI's |",
        "|---|---|---|---|---|---|---|",
        f"| bare calls | {bare.figures['photos_per_s']['1']:.1f} | 1 | "
        f"{bare.figures['photos_per_s']['2']:.1f} | 1 | {bare.figures['cpu_ms_per_photo']['2']:.0f} ms | |",
    ]
    names = {"fastapi-inline": "FastAPI, called in its event loop", **COLUMNS}
    for name, title in names.items():
        measured = found.get(name, {}).get("throughput")
        if measured is None:
            continue
        rates, cpu = measured.figures["photos_per_s"], measured.figures["cpu_ms_per_photo"]["4"]
        lines.append(
            f"| {title} | {rates['1']:.1f} | {rates['1'] / bare.figures['photos_per_s']['1']:.2f} | "
            f"{rates['4']:.1f} | {rates['4'] / bare.figures['photos_per_s']['2']:.2f} | {cpu:.0f} ms | "
            f"{cpu / inline.figures['cpu_ms_per_photo']['4']:.2f} |"
        )
    return "\n".join(lines)


def circumstances(found: Found) -> str:
    """Machine, day, commits and what else ran."""
    measured = [one for server in found.values() for one in server.values()]
    if not measured:
        return "Nothing was measured yet."
    days = sorted({one.day for one in measured})
    commits = sorted({one.commit for one in measured})
    told = (
        f"commit {commits[0]}" if len(commits) == 1 else f"{len(commits)} commits that the raw figures name"
    )
    loads = sorted(one.load for one in measured)
    nice = sorted({one.nice for one in measured})
    machine = sorted({f"{one.cores} cores, {one.machine}" for one in measured})
    busy = (
        f" Other work ran beside it (load average {loads[0]:.1f} to {loads[-1]:.1f}); clients and "
        f"servers had priority {nice[0]} over it. Compare columns, not digits."
        if loads[-1] > 2 * measured[0].cores
        else ""
    )
    return (
        f"Measured {' and '.join(days)} at {told} on {'; '.join(machine)}.{busy} "
        f"Each figure is one run.{_missing(found)}"
    )


def _missing(found: Found) -> str:
    titles = [title for name, title in COLUMNS.items() if not found.get(name)]
    return f" Not measured: {', '.join(titles)}, which did not come up in time here." if titles else ""


def write_page(found: Found) -> None:
    """Puts what was measured between its marks; the words around it stay."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    parts = (
        circumstances(found),
        "In **bold**: clearly better than Steadfast.",
        table(found),
        "### Where another is better",
        better_elsewhere(found),
        "### The cost of supervision",
        cost_of_supervision(found),
    )
    PAGE.write_text(f"{before}{_BEGIN}\n" + "\n\n".join(parts) + f"\n{_END}{after}", encoding="utf-8")
