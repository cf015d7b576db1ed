"""What an endurance run says of itself: its lines, and the section of docs/reliability.md made of them."""

import datetime
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.soak_figures import Account, Slope, account, blamed, imagined, missed, slope

if TYPE_CHECKING:
    from benchmarks.soak import Soak

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = _ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- endurance -->", "<!-- end of endurance -->"
_GRACE_S = 30.0
"""After a fault in which what comes still counts as its consequence: workers load, incidents close."""
_WARM_UP_S = 300.0
"""In which caches fill: the server's memory rises by a tenth."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is printed and written."""

    minutes: float
    every_s: float
    seed: int
    rate_per_s: float
    usual: Account
    of_server: Account
    faults: dict[str, int]
    """By group."""
    not_run: dict[str, int]
    carriers: dict[str, int]
    outages: list[tuple[str, float]]
    jobs: int
    jobs_lost: list[str]
    missed: list[str]
    imagined: list[str]
    incidents: int
    server_memory: Slope | None
    all_memory: Slope | None
    server_descriptors: Slope | None
    server_mib: list[tuple[float, float]]
    """Seconds since the beginning, and its resident memory."""
    broken: list[str]
    blame: dict[str, int]
    """Failures of the first part, with the faults that were present."""

    def lines(self) -> list[str]:
        """As rows of a table: what, seen, target."""
        worst = max(self.outages, key=lambda one: one[1], default=("none", 0.0))
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.outages) or "none injected"
        return [
            _row(
                "requests during faults of workers, models, memory, disks, stores, traffic",
                f"{self.usual.requests}: {self.usual.availability:.4%} good"
                f"{_told(', refused as too many', self.usual.refused)}{_told(', failed', self.usual.failed)}"
                f", {self.usual.wrong} wrong",
                "≥ 99.99 %",
            ),
            _row(
                "outages by faults of server and guardian",
                f"worst {worst[1]:.1f} s ({worst[0]}); seconds each: {told}",
                "≤ 3 s each",
            ),
            _row(
                "requests during those",
                f"{self.of_server.requests}{_told(', failed', self.of_server.failed)}, "
                f"{self.of_server.wrong} wrong",
                "",
            ),
            _row("video jobs", f"{self.jobs} confirmed, {len(self.jobs_lost)} lost", "0 lost"),
            _row(
                "memory of the server, MiB", str(self.server_memory or "too short to say"), "0 within noise"
            ),
            _row(
                "memory of all processes, MiB", str(self.all_memory or "too short to say"), "0 within noise"
            ),
            _row(
                "descriptors of the server",
                str(self.server_descriptors or "too short to say"),
                "0 within noise",
            ),
            _row(
                "incidents",
                f"{sum(self.faults.values())} faults, {self.incidents} incidents, {len(self.missed)} missed"
                f"{_listed(self.missed)}, {len(self.imagined)} imagined{_listed(self.imagined)}",
                "none missed, none imagined",
            ),
        ]


def _row(what: str, seen: str, target: str) -> str:
    return f"| {what} | {seen} | {target} |"


def _told(lead: str, counts: dict[str, int]) -> str:
    return f"{lead}: " + ", ".join(f"{n} × {words}" for words, n in counts.items()) if counts else ""


def _listed(names: list[str]) -> str:
    return f" ({', '.join(f'{n} × {name}' for name, n in Counter(names).items())})" if names else ""


def report(soak: "Soak", *, minutes: float, seed: int) -> Report:
    """Everything, from what was seen."""
    faults = [*soak.usual.faults, *soak.of_server.faults]
    opened = [(one.first_seen_at_s, one.kind) for one in soak.observer.incidents.values()]
    begin_s = min((one.begin_s for one in faults), default=soak.began_s)
    warm = min(_WARM_UP_S, minutes * 60 / 6)
    usual = account(soak.usual.asked, soak.usual.faults, grace_s=_GRACE_S)
    failed = [one for one in soak.usual.asked if not one.is_good]
    refused_words = set(usual.refused)
    return Report(
        minutes=minutes,
        every_s=soak.every_s,
        seed=seed,
        rate_per_s=soak.rate_per_s,
        usual=usual,
        of_server=account(soak.of_server.asked, soak.of_server.faults, grace_s=_GRACE_S),
        faults=dict(Counter(one.group for one in faults)),
        not_run=dict(soak.usual.not_run + soak.of_server.not_run),
        carriers=dict(soak.usual.carriers + soak.of_server.carriers),
        outages=soak.of_server.outages,
        jobs=len(soak.traffic.jobs),
        jobs_lost=[
            f"{job.id} {job.state} {job.why}"
            for job in soak.traffic.jobs
            if job.is_lost or job.ended_at_s is None
        ],
        missed=[one.name for one in missed(faults)],
        imagined=[
            kind
            for _, kind in imagined([one for one in opened if one[0] >= begin_s], faults, grace_s=_GRACE_S)
        ],
        incidents=len(opened),
        server_memory=slope([one for one in soak.samples.server_mib if one[0] > warm]),
        all_memory=slope([one for one in soak.samples.all_mib if one[0] > warm]),
        server_descriptors=slope([one for one in soak.samples.server_descriptors if one[0] > warm]),
        server_mib=soak.samples.server_mib,
        broken=[*soak.usual.broken, *soak.of_server.broken],
        blame=dict(
            Counter(
                f"{one.words} ({blamed(one, soak.usual.faults, grace_s=5.0)})"
                for one in failed
                if one.words not in refused_words
            )
        ),
    )


def page_of(found: Report) -> str:
    """The section of docs/reliability.md."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    day = datetime.datetime.now(tz=datetime.UTC).date()
    groups = ", ".join(f"{n} × {group}" for group, n in sorted(found.faults.items()))
    nice = os.nice(0)
    busy = (
        f", load average {os.getloadavg()[2]:.1f} with other work beside it" if os.getloadavg()[2] > 3 else ""
    )
    command = (
        f"python -m benchmarks.soak --minutes {found.minutes:g} --every {found.every_s:g} --seed {found.seed}"
    )
    head = (
        f"`{command}` at commit {commit}, {day}: {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total >> 30} GiB, priority {nice}{busy}. Two workers and a spare "
        f"for faces, one and a spare for questions; {found.rate_per_s:g} requests per second; "
        f"faults: {groups}."
    )
    rows = "\n".join(["| what | seen | target |", "|---|---|---|", *found.lines()])
    notes = [f"- failed: {n} × {words}" for words, n in sorted(found.blame.items())]
    notes += [f"- promise broken: {sentence}" for sentence in found.broken]
    notes += [f"- job lost: {job}" for job in found.jobs_lost]
    notes += [f"- not run: {why} ({n} times)" for why, n in found.not_run.items()]
    return "\n\n".join(part for part in (head, rows, "\n".join(notes)) if part)


def write(section: str) -> None:
    """Puts it between its marks."""
    text = _PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{_BEGIN}\n{section}\n{_END}{after}", encoding="utf-8")
