"""What `docs/sla.md` says of its examples is what the report says."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.unit.sla.house import BEGIN, LedgerHouse

from steadfast.sla.words import percent

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sla.md"
EXAMPLE = re.compile(
    r"^### (?P<title>[^\n]+)\n[^`]*```log\n(?P<log>[^`]*)```\n\n(?P<table>(?:\|[^\n]*\n?)+)", re.M
)


def examples() -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Title, lines of the log, rows of the table."""
    for found in EXAMPLE.finditer(PAGE.read_text(encoding="utf-8")):
        lines = filter(None, found["table"].split("\n"))
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        yield found["title"], found["log"].splitlines(), rows[2:]


EXAMPLES = list(examples())


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) >= 6
    assert all(rows for _, _, rows in EXAMPLES)


@pytest.mark.parametrize("is_folded", [True, False], ids=["folded", "in the journal"])
@pytest.mark.parametrize("example", EXAMPLES, ids=[title for title, _, _ in EXAMPLES])
def test_the_report_says_what_the_page_says(
    example: tuple[str, list[str], list[list[str]]], is_folded: bool, house: LedgerHouse
) -> None:
    _, log, rows = example
    for line in log:
        _act(house, line)
    if is_folded and house.journal is not None:
        house.journal.turn()
        house.fold()
    found = {one.name: one for one in house.report().objectives}
    for name, achieved, standing in rows:
        assert percent(found[name].achieved) == achieved, name
        assert found[name].standing.value == standing, name


def _act(house: LedgerHouse, line: str) -> None:
    clock, said = line.split(" ", 1)
    house.pass_to(round(_at(clock).timestamp() * 1e6))
    if ended := re.fullmatch(r"(\d+) requests end as (\w+)", said):
        house.end(house.begin(int(ended[1])), ended[2])
    elif submitted := re.fullmatch(r"(\d+) jobs are submitted and end as (\w+)", said):
        house.end(house.begin(int(submitted[1])), submitted[2], took_us=0)
    elif begun := re.fullmatch(r"(\d+) requests begin", said):
        house.begin(int(begun[1]))
    elif plan := re.fullmatch(r"maintenance is announced from (\S+) to (\S+)", said):
        house.announce(_at(plan[1]), _at(plan[2]))
    elif said != "report":
        happen = {
            "a server answers": house.answer,
            "the server is killed": house.kill,
            "the server stops": house.stop,
        }
        happen[said]()


def _at(clock: str) -> datetime:
    hours, minutes, seconds = map(int, clock.split(":"))
    return BEGIN.replace(hour=hours, minute=minutes, second=seconds)
