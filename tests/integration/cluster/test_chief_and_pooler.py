"""One server is the chief, whatever becomes of it; and all of it works through a PgBouncer in transaction
mode."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.brokers import Broker
from tests.cluster_house import cluster_house, new_database
from tests.databases import open_postgresql
from tests.ports import free_port

from steadfast.cluster.chief import LOCK, Chief
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.settings import DatabaseSettings

REQUIRED = "PGBOUNCER_REQUIRED"
"""Set where a missing PgBouncer must fail the tests rather than skip them: in CI."""


@pytest.fixture
def url(postgresql: str) -> str:
    return new_database(postgresql)


@pytest.fixture
def databases(url: str) -> Iterator[tuple[Database, Database]]:
    one, other = open_postgresql(url), open_postgresql(url)
    yield one, other
    one.close()
    other.close()


def test_one_of_two_servers_is_chief_and_the_other_follows_when_it_resigns(
    databases: tuple[Database, Database],
) -> None:
    one, other = (Chief(database) for database in databases)
    assert one.stand()
    assert not other.stand()
    assert (one.is_chief, other.is_chief) == (True, False)
    one.resign()
    assert other.stand()
    assert not one.stand()
    other.resign()


def test_a_chief_that_is_cut_off_knows_it_before_another_one_may_be_chief(
    databases: tuple[Database, Database],
) -> None:
    now_s = [100.0]
    one = Chief(databases[0], clock=lambda: now_s[0])
    assert one.stand()
    believed = []
    for waited_s in (6.9, 0.2):  # the database waits for ten seconds
        now_s[0] += waited_s
        believed.append(one.is_chief)
    assert believed == [True, False]
    one.resign()


def test_the_database_takes_the_lock_from_a_chief_that_says_nothing(
    databases: tuple[Database, Database],
) -> None:
    """It was stopped, or its host is gone without a word."""
    silent, other = Chief(databases[0]), Chief(databases[1])
    assert silent.stand()
    began_s = time.monotonic()
    while not other.stand():
        assert time.monotonic() - began_s < 30.0
        time.sleep(0.2)  # PostgreSQL's own clock runs
    assert time.monotonic() - began_s > 7.0, "it did not believe in itself any more by then"
    assert not silent.stand(), "and hears it when it speaks again"
    other.resign()


def test_a_chief_whose_connection_is_killed_stops_being_chief(databases: tuple[Database, Database]) -> None:
    chief, other = Chief(databases[0]), Chief(databases[1])
    assert chief.stand()
    with databases[1].writing() as connection:
        holders = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :low")
        (pid,) = connection.execute(holders, {"low": LOCK & 0xFFFFFFFF}).scalars()
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    assert not chief.stand()
    assert not chief.is_chief
    assert other.stand()
    other.resign()


# --- behind a pooler ------------------------------------------------------------------------------------


@pytest.fixture
def pooled(url: str, postgresql: str) -> Iterator[str]:
    """The same database through a PgBouncer that gives each transaction another connection."""
    with pgbouncer(postgresql) as port:
        name = url.partition("@/")[2].partition("?")[0]
        yield f"postgresql://test@127.0.0.1:{port}/{name}"


@contextmanager
def pgbouncer(postgresql: str) -> Iterator[int]:
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        if os.environ.get(REQUIRED):
            pytest.fail(f"pgbouncer is not installed, and {REQUIRED} is set")
        pytest.skip("pgbouncer is not installed here")
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
    user = "nobody" if os.geteuid() == 0 else None
    (folder / "users.txt").write_text('"test" ""\n', encoding="ascii")
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={postgresql} user=test\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users.txt\n"
        "pool_mode = transaction\ndefault_pool_size = 4\nmin_pool_size = 0\n",
        encoding="ascii",
    )
    if user is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(folder / "pgbouncer.ini")],
            stdout=log,
            stderr=log,
            user=user,
            extra_groups=[] if user else None,
            cwd=folder,
        )
    try:
        until_s = time.monotonic() + 30.0
        while not _listens(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until_s
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def test_limits_hold_in_each_transaction_behind_a_pooler(pooled: str) -> None:
    settings = DatabaseSettings(
        url=SecretStr(pooled), behind_pooler=True, busy_timeout_s=3, statement_timeout_s=7
    )
    database = open_database(database_options(settings, Path("/nonexistent")))
    try:
        for _ in range(3):
            with database.writing() as connection:
                names = "lock_timeout", "statement_timeout"
                shown = [connection.execute(text(f"SHOW {name}")).scalar() for name in names]
                assert shown == ["3s", "7s"]
        with database.reading() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "7s"
    finally:
        database.close()


def test_nodes_behind_a_pooler_share_jobs_and_agree_on_a_chief(
    tmp_path: Path, postgresql: str, url: str, pooled: str, redis: Broker
) -> None:
    with cluster_house(tmp_path, postgresql, broker_url=redis.url) as house:
        name = url.partition("@/")[2].partition("?")[0]
        own = house.database_url or ""
        house.database_url = pooled.replace(name, own.partition("@/")[2].partition("?")[0])
        house.start_nodes(2, database={"behind_pooler": True})
        for number in range(4):
            house.submit([f"job {number} with text"], seconds=0.02)
        house.finish()
        chiefs = [node.name for node in house.registry().nodes() if node.facts.is_chief]
        assert len(chiefs) == 1
