"""`steadfast db` tells where the schema stands and brings it forward."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.databases import open_sqlite

from steadfast.cli.application import run
from steadfast.database.migration import known_revisions
from steadfast.errors import ExitCode

NEWEST = known_revisions()[-1]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, no settings file."""
    monkeypatch.setenv("STEADFAST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")
    return tmp_path / "data"


def test_an_empty_database_is_behind_and_an_upgrade_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "check"]) is ExitCode.UNAVAILABLE
    assert "steadfast db upgrade" in capsys.readouterr().err
    assert run(["db", "upgrade"]) is ExitCode.OK
    assert f"The schema is {NEWEST} now" in capsys.readouterr().out
    assert run(["db", "check", "--json"]) is ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"schema": NEWEST, "known": NEWEST, "current": True}
    assert run(["db", "upgrade"]) is ExitCode.OK
    assert "already" in capsys.readouterr().out


def test_a_newer_schema_is_refused_in_one_sentence(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_sqlite(data_dir)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_readers SET oldest = '9999'"))
    database.close()
    for step in ("check", "upgrade"):
        assert run(["db", step]) is ExitCode.CONFIG
        assert "A newer version wrote the database: schema 9999" in capsys.readouterr().err


def test_a_newer_schema_that_this_version_can_work_with_is_no_fault(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_sqlite(data_dir)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    for step in ("check", "upgrade"):
        assert run(["db", step]) is ExitCode.OK
        assert "schema is 9999, of a newer version" in capsys.readouterr().out
