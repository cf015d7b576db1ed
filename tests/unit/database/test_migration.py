"""A clean start needs no step, an old schema is brought forward, a newer one is refused."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from tests.databases import import_every_module_with_a_table, open_sqlite

import steadfast
from steadfast.admission.keys import KeyStore
from steadfast.admission.scopes import Scope
from steadfast.database import migration
from steadfast.database.database import Database
from steadfast.database.schema import METADATA
from steadfast.errors import SchemaTooNew

PACKAGE = Path(steadfast.__file__).parent


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database: Database) -> None:
    import_every_module_with_a_table()
    assert METADATA.tables
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_history_is_one_line_and_the_one_that_a_start_reckons_with() -> None:
    config = Config()
    config.set_main_option("script_location", str(PACKAGE / "database" / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    walked = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(walked)) == migration.known_revisions()
    assert scripts.get_heads() == [migration.known_revisions()[-1]]


def test_an_open_database_is_current_and_keeps_its_content(tmp_path: Path) -> None:
    for _ in range(2):
        database = open_sqlite(tmp_path)
        assert migration.check_schema(database.engine)
        with database.writing() as connection:
            connection.execute(text("UPDATE api_keys SET name = 'kept'"))
        database.close()


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{head}"


def upgrade():
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="red"))
"""


def test_an_older_schema_is_brought_forward_with_its_content_and_a_copy_of_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_sqlite(tmp_path)
    new = KeyStore(database).create(name="kept", scopes=[Scope.SWAP])
    database.close()
    newer = tmp_path / "newer"
    shutil.copytree(PACKAGE / "database" / "migrations", newer)
    (newer / "versions" / "9000_colour.py").write_text(NEXT.format(head=migration.known_revisions()[-1]))
    monkeypatch.setattr(migration, "_FOLDER", newer)

    database = open_sqlite(tmp_path)
    with database.reading() as connection:
        assert connection.execute(text("SELECT name, colour FROM api_keys")).all() == [("kept", "red")]
    assert KeyStore(database).verify(new.token) == new.key
    database.close()

    copy = tmp_path / "steadfast.db.before-9000"
    assert copy.stat().st_mode & 0o777 == 0o600
    monkeypatch.undo()
    copy.replace(tmp_path / "steadfast.db")  # the way back
    database = open_sqlite(tmp_path)
    assert KeyStore(database).verify(new.token) == new.key
    database.close()


def test_a_schema_of_a_newer_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_readers SET oldest = '9999'"))
    database.close()
    with pytest.raises(SchemaTooNew, match=r"A newer version .* schema 9999; .* \d+ at most\."):
        open_sqlite(tmp_path)


def test_processes_that_start_together_upgrade_once(tmp_path: Path) -> None:
    opened: list[Database] = []

    def open_one() -> None:
        opened.append(open_sqlite(tmp_path))

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for database in opened:
        assert migration.check_schema(database.engine)
        database.close()


def test_an_upgrade_that_fails_leaves_the_schema_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = migration._run_alembic

    def fail_at_the_end(connection: object) -> None:
        real(connection)  # type: ignore[arg-type]
        raise RuntimeError

    monkeypatch.setattr(migration, "_run_alembic", fail_at_the_end)
    with pytest.raises(RuntimeError):
        open_sqlite(tmp_path)
    monkeypatch.undo()
    database = open_sqlite(tmp_path)  # nothing of the first try is in its way
    assert migration.check_schema(database.engine)
    database.close()


def test_a_start_on_a_current_database_does_not_load_alembic(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    code = """
import sys
from pathlib import Path
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.settings import DatabaseSettings
open_database(database_options(DatabaseSettings(), Path(sys.argv[1]))).close()
heavy = {"alembic", "numpy", "cv2", "av", "onnxruntime", "sqlalchemy.orm"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)


def test_a_schema_to_which_a_newer_version_only_added_something_is_worked_with(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    again = open_sqlite(tmp_path)
    with again.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    again.close()
