"""`steadfast keys` makes, lists and revokes keys that a service then knows."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.databases import open_migrated_sqlite

from steadfast.admission.keys import KeyStore
from steadfast.cli.application import run
from steadfast.errors import ExitCode, KeyRefused
from steadfast.jobs.webhook_secrets import secret_of_key


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, no settings file."""
    monkeypatch.setenv("STEADFAST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")
    return tmp_path / "data"


def answer_of(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_key_made_on_a_clean_machine_opens_the_service(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "create", "--name", "camera"]) is ExitCode.OK
    shown = capsys.readouterr()
    database = open_migrated_sqlite(data_dir)
    key = KeyStore(database).verify(shown.out.strip())
    database.close()
    assert (key.name, sorted(key.scopes)) == ("camera", ["jobs", "swap"])
    assert "cannot be shown again" in shown.err


def test_scopes_and_expiry_are_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    create = ["keys", "create", "--name", "n", "--scope", "admin", "--expires-in", "90d", "--json"]
    assert run(create) is ExitCode.OK
    made = answer_of(capsys)
    assert made["scopes"] == ["admin"]
    assert made["key"].startswith(f"sf_{made['id']}_")
    assert made["expires_at"] > made["created_at"]


def test_the_list_shows_every_key_and_never_the_key_itself(capsys: pytest.CaptureFixture[str]) -> None:
    run(["keys", "create", "--name", "camera", "--json"])
    made = answer_of(capsys)
    assert run(["keys", "list"]) is ExitCode.OK
    shown = capsys.readouterr().out
    assert made["id"] in shown
    assert "camera" in shown
    assert made["key"] not in shown
    assert run(["keys", "list", "--json"]) is ExitCode.OK
    (row,) = answer_of(capsys)["keys"]
    assert (row["state"], row["last_used_at"]) == ("good", None)


def test_a_revoked_key_is_refused_from_then_on(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["keys", "create", "--name", "camera", "--json"])
    made = answer_of(capsys)
    assert run(["keys", "revoke", made["id"]]) is ExitCode.OK
    assert "revoked" in capsys.readouterr().out
    database = open_migrated_sqlite(data_dir)
    with pytest.raises(KeyRefused):
        KeyStore(database).verify(made["key"])
    database.close()


def test_an_id_that_does_not_exist_is_an_error_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "revoke", "0123"]) is ExitCode.NO_INPUT
    assert "steadfast keys list" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["soon", "0d", "-1d", "1y", "1.5h", ""])
def test_a_time_that_cannot_be_read_is_refused(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "create", "--name", "n", "--expires-in", written]) is ExitCode.USAGE
    assert "90d" in capsys.readouterr().err


def test_an_empty_list_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "list"]) is ExitCode.OK
    assert "steadfast keys create" in capsys.readouterr().out


def test_a_database_of_a_newer_version_is_one_sentence(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_migrated_sqlite(data_dir)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.exec_driver_sql("UPDATE schema_readers SET oldest = '9999'")
    database.close()
    assert run(["keys", "list"]) is ExitCode.CONFIG
    assert "newer version" in capsys.readouterr().err


def test_a_key_is_shown_with_what_its_callbacks_are_signed_with_and_that_again_later(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["keys", "create", "--name", "camera", "--json"])
    made = answer_of(capsys)
    master = (data_dir / "webhook.secret").read_text().strip()
    assert made["webhook_secret"] == secret_of_key(master, made["id"])
    assert run(["keys", "webhook-secret", made["id"]]) is ExitCode.OK
    assert capsys.readouterr().out.strip() == made["webhook_secret"]
    assert run(["keys", "webhook-secret", "0123"]) is ExitCode.NO_INPUT
    run(["keys", "create", "--name", "pictures only", "--scope", "swap"])
    assert "Callbacks" not in capsys.readouterr().err


def test_where_there_are_no_callbacks_no_secret_is_made_for_them(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEADFAST_WEBHOOKS__ENABLED", "false")
    run(["keys", "create", "--name", "camera", "--json"])
    assert answer_of(capsys)["webhook_secret"] is None
    assert not (data_dir / "webhook.secret").exists()
