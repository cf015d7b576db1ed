"""`steadfast sla` reads the ledger of the data folder, whether or not a server runs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.sla.house import LedgerHouse

from steadfast.cli.application import run
from steadfast.cli.sla import moment_of
from steadfast.errors import ExitCode, InvalidOption

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which a server has answered ten requests, just now."""
    monkeypatch.setenv("STEADFAST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")
    house = LedgerHouse(tmp_path)
    house.now_us = round(datetime.now(UTC).timestamp() * 1e6) - 20_000_000
    house.answer()
    house.end(house.begin(9), engine="standard")
    house.end(house.begin(1), "error", code="worker_crashed")
    house.wait(20)
    house.close()
    return tmp_path


def test_a_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sla", "report"]) is ExitCode.OK
    told = capsys.readouterr().out
    assert "availability" in told
    assert "90.00 %" in told
    assert "not measured" in told


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sla", "report", "--since", "1h", "--format", "json"]) is ExitCode.OK
    report = json.loads(capsys.readouterr().out)
    assert report["outcomes"] == {"ok": 9, "error": 1}
    assert report["errors"] == [{"task": "face_swap", "code": "worker_crashed", "requests": 1}]


@pytest.mark.parametrize(
    ("name", "begins"),
    [("r.html", "<!doctype html>"), ("r.md", "# Service"), ("r.csv", "from,"), ("r.json", "{")],
)
def test_the_file_s_ending_says_the_format(name: str, begins: str, tmp_path: Path) -> None:
    assert run(["sla", "report", "--output", str(tmp_path / name)]) is ExitCode.OK
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


def test_what_cannot_be_is_refused_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sla", "report", "--since", "yesterday"]) is ExitCode.USAGE
    assert "30d" in capsys.readouterr().err
    assert run(["sla", "report", "--output", str(tmp_path / "report.pdf")]) is ExitCode.USAGE
    assert "--format" in capsys.readouterr().err
    assert run(["sla", "report", "--since", "1h", "--until", "2h"]) is ExitCode.USAGE
    assert run(["sla", "report", "--output", str(tmp_path / "no" / "r.md")]) is ExitCode.CANNOT_CREATE


def test_maintenance_is_announced_listed_and_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    announced = ["--from", "2099-01-01T22:00:30", "--until", "2h", "--why", "new disks"]
    assert run(["sla", "maintenance", "add", *announced, "--json"]) is ExitCode.OK
    added = json.loads(capsys.readouterr().out)
    assert added["begins_at"] == "2099-01-01T22:00:00+00:00"
    assert added["ends_at"] == "2099-01-02T00:01:00+00:00"
    assert not added["announced_late"]
    assert run(["sla", "maintenance", "list"]) is ExitCode.OK
    assert "new disks" in capsys.readouterr().out
    assert run(["sla", "maintenance", "remove", added["id"]]) is ExitCode.OK
    assert run(["sla", "maintenance", "remove", added["id"]]) is ExitCode.NO_INPUT


def test_times_are_read_as_people_write_them() -> None:
    assert moment_of("2h", now=NOW) == NOW.replace(hour=10)
    assert moment_of("2026-11-01", now=NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert moment_of("2026-11-01T02:00+02:00", now=NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(InvalidOption):
        moment_of("-3d", now=NOW)
