"""What a drill shows: a table, and a page that needs nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console
from tests.unit.drill.made_up import Nothing, sent

from steadfast.drill.drill import DrillResult
from steadfast.drill.fault import Expectation
from steadfast.drill.observer import Look
from steadfast.drill.report import as_html, write_report
from steadfast.drill.table import HEADINGS, cells, outcome_table, summary
from steadfast.drill.verdicts import Observed, Outcome, judge, not_run
from steadfast.errors import OutputUnwritable

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def outcome(**expected: object) -> Outcome:
    seen = Observed(
        injected_at_s=10.0,
        ended_at_s=12.0,
        closed_at_s=15.0,
        detected_at_s=10.5,
        detected_by="worker_died",
        whole_at_s=13.0,
        sent=[sent(), sent(503, "worker_crashed")],
        incidents=["worker_died"],
    )
    return judge(Nothing(), Expectation(**expected), seen, began_at_s=0.0)  # type: ignore[arg-type]


def result() -> DrillResult:
    looks = [
        (float(second), Look(at_s=second, answers=second != 11, status="healthy", is_whole=second > 12))
        for second in range(20)
    ]
    return DrillResult(
        outcomes=[outcome(most_failed=1), outcome(), not_run(Nothing, 16.0, "there is no <cgroup>")],
        looks=[(at_s, replace(look, resident_bytes=500 << 20)) for at_s, look in looks],
        sent=[(9.0, sent()), (10.5, sent(x_steadfast_attempts="2")), (11.0, sent(503, "worker_crashed"))],
        incidents=[(10.6, "worker_died")],
        jobs=3,
        rate_per_s=2.5,
        took_s=60.0,
    )


def test_a_line_has_a_cell_for_every_heading_whatever_became_of_the_fault() -> None:
    for one in result().outcomes:
        assert len(cells(one)) == len(HEADINGS)


def test_the_table_names_why_a_verdict_is_broken_and_why_a_fault_was_not_run() -> None:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(outcome_table(result().outcomes))
    shown = console.export_text()
    assert "1 × 503 worker_crashed" in shown
    assert "was not run: there is no <cgroup>" in shown
    console.file.close()


def test_the_sentence_counts_what_was_not_run_apart() -> None:
    assert summary(result().outcomes).startswith("1 held, 1 broken, 1 not run;")


def test_a_drill_has_held_only_if_every_fault_that_ran_did_and_no_job_was_lost() -> None:
    held = DrillResult(outcomes=[outcome(most_failed=1)])
    assert held.held
    assert not DrillResult(outcomes=[outcome(most_failed=1), outcome()]).held
    assert not DrillResult(outcomes=[outcome(most_failed=1)], jobs_lost=["job-1"]).held
    assert not DrillResult(outcomes=[not_run(Nothing, 0.0, "no")]).held


@pytest.fixture(scope="module")
def page() -> str:
    """Drawn once: plots take seconds."""
    return as_html(result(), seed=7, made_at=NOW)


class Links(HTMLParser):
    """What a page would fetch, and the names inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.wanted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value:
                (self.wanted if value.startswith("#") else self.fetched).append(value.removeprefix("#"))
            if name == "id" and value:
                self.ids.append(value)


def test_the_page_needs_nothing_else_and_every_name_in_it_is_there_once(page: str) -> None:
    links = Links()
    links.feed(page)
    assert links.fetched == []
    assert len(links.ids) == len(set(links.ids))
    assert set(links.wanted) <= set(links.ids)


def test_the_page_shows_every_fault_and_quotes_what_it_is_told(page: str) -> None:
    assert page.count("<svg") == 3  # the whole, and the two that ran
    assert "there is no &lt;cgroup&gt;" in page
    assert "Seed 7, 2.5 requests per second" in page


def test_an_answer_without_its_body_still_tells_that_it_was_retried() -> None:
    retried = sent(x_steadfast_attempts="2", content_type="image/jpeg").answer
    assert retried.without_body().attempts == 2
    assert retried.without_body().body == b""


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable):
        write_report(tmp_path / "none" / "out.html", DrillResult(), seed=1)
    assert list(tmp_path.iterdir()) == []
