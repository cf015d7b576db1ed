"""A cluster for tests: nodes that are real processes, on a PostgreSQL, a broker and a store of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, func, select, text
from tests.databases import open_postgresql, open_sqlite

from steadfast.blobs.blob import parse_address
from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.s3 import S3BlobStore, S3Options
from steadfast.cluster.message import errands_of
from steadfast.cluster.registry import Registry
from steadfast.database.database import Database
from steadfast.jobs import queries
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import InputFile, ItemOrder, JobOrder, JobPriority, JobState
from steadfast.jobs.submission import new_job_id, submit
from steadfast.jobs.tables import ATTEMPTS, HISTORY, JOBS, STEPS
from steadfast.jobs.transaction import JobDatabase

ROOT = Path(__file__).resolve().parents[1]
LEASE_S = 4.0
_PATIENCE_S = 60.0
_houses = iter(range(1_000_000))


@dataclass(kw_only=True)
class NodeProcess:
    """One node."""

    name: str
    data_dir: Path
    process: "subprocess.Popen[bytes]"

    def kill(self, *, with_workers: bool = True) -> None:
        """SIGKILL, as the end of its machine; with everything below it."""
        family: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.process.pid).children(recursive=True) if with_workers else []
        self.process.kill()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        self.process.wait(60)

    def signal(self, number: signal.Signals) -> None:
        """To the node and everything below it: SIGSTOP is a host that is frozen."""
        with suppress(psutil.NoSuchProcess):
            for member in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    member.send_signal(number)
        self.process.send_signal(number)

    @property
    def log(self) -> str:
        """The end of what it said."""
        return (self.data_dir / "node.log").read_text(errors="replace")[-3_000:]


@dataclass(kw_only=True)
class ClusterHouse:
    """The whole of it, as a test sees it: through the database, like any API server."""

    folder: Path
    database_url: str | None
    broker_url: str | None
    blobs: dict[str, Any]
    database: Database
    library: BlobLibrary
    jobs: JobDatabase
    nodes: list[NodeProcess] = field(default_factory=list)
    queue_prefix: str = field(default_factory=lambda: f"house-{next(_houses)}")
    """Houses of one broker have queues of their own."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """What each job is to put into capitals."""

    # --- nodes ------------------------------------------------------------------------------------------

    def start_node(
        self,
        name: str = "",
        *,
        role: str = "node",
        workers: int = 1,
        seconds: float | None = 0.2,
        wait: bool = True,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        root: Path = ROOT,
        **sections: Mapping[str, Any],
    ) -> NodeProcess:
        """One more; `seconds`: of a step that is slept (None: real workers do the work).

        `prefix`: command before it (`faketime`, `ip netns exec …`); `root`: of the program that it runs;
        `sections`: settings beside the usual ones.
        """
        name = name or f"node-{len(self.nodes)}"
        data_dir = self.folder / name
        data_dir.mkdir(exist_ok=True)
        (data_dir / "up").unlink(missing_ok=True)
        sections = {"runtime": {"workers": workers}, **sections}
        settings = self._settings(name, role, data_dir, sections)
        file = data_dir / "settings.json"
        file.write_text(json.dumps({"settings": settings, "workers": workers, "seconds": seconds}))
        own = {key: value for key, value in os.environ.items() if not key.startswith("STEADFAST_")}
        own |= {"PYTHONPATH": f"{root / 'src'}:{root}", **(environment or {})}
        command = [*prefix, sys.executable, str(root / "tests" / "cluster_node.py"), str(file)]
        with (data_dir / "node.log").open("ab") as log:
            process = subprocess.Popen(command, env=own, cwd=root, stdout=log, stderr=log)
        node = NodeProcess(name=name, data_dir=data_dir, process=process)
        self.nodes.append(node)
        if wait:
            self.until((data_dir / "up").exists, node=node)
        return node

    def messenger_of(self, node: NodeProcess) -> psutil.Process | None:
        """The process that speaks with the broker; None: there is none now."""
        for child in psutil.Process(node.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if child.cmdline()[:1] == ["steadfast: messenger"]:
                    return child
        return None

    def start_nodes(self, count: int, **options: Any) -> list[NodeProcess]:
        """Several at once."""
        nodes = [self.start_node(wait=False, **options) for _ in range(count)]
        for node in nodes:
            self.until((node.data_dir / "up").exists, node=node)
        return nodes

    def _settings(
        self, name: str, role: str, data_dir: Path, sections: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        settings: dict[str, dict[str, Any]] = {
            "database": {"url": self.database_url, "busy_timeout_s": 5.0},
            "blobs": dict(self.blobs),
            "jobs": {"lease_s": LEASE_S},
            "cluster": {"name": name, "role": role, "heartbeat_s": 1.0, "gone_after_s": 4.0},
            "server": {"grace_s": 5.0},
        }
        if self.broker_url is not None:
            settings["cluster"]["broker_url"] = self.broker_url
            settings["cluster"]["queue_prefix"] = self.queue_prefix
        for section, fields in sections.items():
            settings[section] = {**settings.get(section, {}), **fields}
        return {**settings, "data_dir": str(data_dir)}

    # --- work -------------------------------------------------------------------------------------------

    def submit(
        self,
        texts: Sequence[str],
        *,
        owner: str = "",
        priority: JobPriority = JobPriority.NORMAL,
        **options: Any,
    ) -> str:
        """A job with an item per text, of four letters per segment."""
        items = []
        for one in texts:
            blob = self.library.keep_pieces([one.encode()], space=owner or "_", owner="upload", role="upload")
            file = InputFile(sha256=blob.address.sha256, size_bytes=len(one))
            items.append(ItemOrder(target=file))
        order = JobOrder(
            owner=owner,
            task="fault",
            items=tuple(items),
            options={"per_segment": 4, **options},
            priority=priority,
            fresh=True,
        )
        job_id = new_job_id()
        self.jobs.write_now(lambda t: submit(t, job_id, order))
        self.texts[job_id] = list(texts)
        return job_id

    def count(self, *states: JobState) -> int:
        """Jobs in these states."""
        wanted = select(func.count()).select_from(JOBS).where(JOBS.c.state.in_([s.value for s in states]))
        return self.jobs.read_now(lambda connection: int(connection.execute(wanted).scalar_one()))

    def state(self, job_id: str) -> JobState:
        """Of one job."""
        return self.jobs.read_now(lambda connection: queries.get(connection, None, job_id)).state

    def leases(self) -> Counter[str]:
        """Steps that are held, by the node's number of process."""
        held = select(STEPS.c.lease_owner).where(STEPS.c.state == "leased")
        with self.database.reading() as connection:
            owners = connection.execute(held).scalars().all()
        pids = {str(node.process.pid): node.name for node in self.nodes}
        return Counter(pids.get(owner.split("/")[2], owner) for owner in owners)

    def until(
        self,
        condition: Callable[[], bool],
        within_s: float = _PATIENCE_S,
        *,
        every_s: float = 0.02,
        node: NodeProcess | None = None,
    ) -> float:
        """Waits for it; how long that took. Fails with what the nodes said."""
        began_s = time.monotonic()
        while not condition():
            told = "\n\n".join(f"{one.name}: {one.log}" for one in self.nodes)
            assert time.monotonic() - began_s < within_s, f"it did not come\n{told}"
            assert node is None or node.process.poll() is None, f"{node.name} ended\n{node.log}"
            time.sleep(every_s)
        return time.monotonic() - began_s

    def finish(self, within_s: float = _PATIENCE_S) -> None:
        """Waits until every job has succeeded, and holds every result against what it should be."""
        self.until(lambda: self.count(JobState.SUCCEEDED) == len(self.texts), within_s, every_s=0.05)
        for job_id, texts in self.texts.items():
            assert [self.result(job_id, item) for item in range(len(texts))] == [t.upper() for t in texts]
        self.assert_nothing_was_done_twice()

    def result(self, job_id: str, item: int = 0) -> str:
        """What came of an item."""
        found = self.jobs.read_now(lambda connection: queries.result(connection, None, job_id, item))
        return b"".join(self.library.read(parse_address(found.address))).decode()

    def assert_nothing_was_done_twice(self) -> None:
        """Every step has one attempt that counted, every job one end."""
        columns = ATTEMPTS.c.job_id, ATTEMPTS.c.item, ATTEMPTS.c.kind, ATTEMPTS.c.number
        done = select(*columns).where(ATTEMPTS.c.outcome == "done")
        ends = select(HISTORY.c.job_id).where(HISTORY.c.kind == "state", HISTORY.c.data.contains("succeeded"))
        with self.database.reading() as connection:
            steps = Counter(tuple(row) for row in connection.execute(done).all())
            ended = Counter(connection.execute(ends).scalars())
        assert set(steps.values()) <= {1}
        assert all(ended[job_id] == 1 for job_id in self.texts)

    def queues(self, *capabilities: str) -> list[str]:
        """Names of the queues of nodes on a CPU."""
        return [errand.queue(self.queue_prefix) for errand in errands_of(frozenset(capabilities or ("cpu",)))]

    def registry(self) -> Registry:
        """Who is there."""
        return Registry(self.database, gone_after_s=4.0)


_databases = iter(range(1_000_000))


@contextmanager
def cluster_house(
    folder: Path, postgresql: str | None, *, broker_url: str | None, s3_url: str | None = None
) -> Iterator[ClusterHouse]:
    """An empty cluster; `postgresql`: host (or folder of the socket) of a server of `postgresql_server`.

    None: one server alone, with SQLite. `s3_url`: of a server of `s3_server`; None: a folder that all share.
    """
    url = new_database(postgresql) if postgresql is not None else None
    database = open_postgresql(url) if url is not None else open_sqlite(folder / "node-0")
    blobs: dict[str, Any] = {"url": str(folder / "blobs")}
    store: FolderStore | S3BlobStore
    if s3_url is None:
        store = FolderStore(folder / "blobs")
    else:
        prefix = f"house-{next(_databases)}"
        access = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
        blobs = {"url": f"s3://files/{prefix}", "endpoint": s3_url, "path_style": True, **access}
        options = S3Options(
            bucket="files",
            prefix=prefix,
            endpoint=s3_url,
            path_style=True,
            region="us-east-1",
            access_key_id="test",
            secret_access_key="test",
        )
        store = S3BlobStore(options, staging_folder=folder / "staging")
    library = BlobLibrary(store, database)
    jobs = JobDatabase(database, library, here=Incarnation.of_this_process())
    house = ClusterHouse(
        folder=folder,
        database_url=url,
        broker_url=broker_url,
        blobs=blobs,
        database=database,
        library=library,
        jobs=jobs,
    )
    try:
        yield house
    finally:
        for node in house.nodes:
            with suppress(ProcessLookupError):
                node.signal(signal.SIGCONT)
            node.kill()
        jobs.close()
        database.close()


def new_database(postgresql: str) -> str:
    """The URL of an empty database."""
    name = f"cluster_{os.getpid()}_{next(_databases)}"
    admin = create_engine(
        f"postgresql+psycopg://test@/postgres?host={postgresql}", isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return f"postgresql://test@/{name}?host={postgresql}"
