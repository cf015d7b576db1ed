"""A rolling upgrade under load: two neighbouring versions side by side on one schema.

The next version is a copy of this one with another number, another version of messages and a migration that
adds to the schema, run by its first server while the old ones work.
"""

import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.brokers import Broker
from tests.cluster_house import ROOT, ClusterHouse, cluster_house
from tests.serving_house import FAULTY, ServingHouse, serving

from steadfast.database.migration import known_revisions
from steadfast.jobs.job import JobState

NEXT_VERSION = "9.9.9"
KEY = "a key that both versions of this test know"
MIGRATION = '''"""What the next version adds."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    """A column that the version before does without."""
    op.add_column("jobs", sa.Column("novelty", sa.String(16), nullable=False, server_default=sa.text("''")))
'''


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """The root of a program that is one version ahead."""
    root = tmp_path / "next"
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    package = root / "src" / "steadfast"
    _replace(package / "__init__.py", '__version__ = "', f'__version__ = "{NEXT_VERSION}"  # before: "')
    _replace(package / "cluster" / "message.py", "VERSION = 1\n", "VERSION = 2\n")
    before = known_revisions()[-1]
    revision = f"{int(before) + 1:04}"
    file = package / "database" / "migrations" / "versions" / f"{revision}_novelty.py"
    file.write_text(MIGRATION.format(revision=revision, before=before))
    return root


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.fixture
def house(redis: Broker, postgresql: str, tmp_path: Path) -> Iterator[ClusterHouse]:
    with cluster_house(tmp_path, postgresql, broker_url=redis.url) as built:
        yield built


@dataclass(kw_only=True)
class Front:
    """What stands before the servers: asks the one that is in, and counts what comes back."""

    server: ServingHouse
    answers: Counter[int] = field(default_factory=Counter)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, client_of: dict[str, httpx.Client]) -> None:
        with self.turn:  # who is taken out has nothing under way
            client = client_of.get(self.server.url) or self.server.new_client()
            client_of[self.server.url] = client
            for answer in (
                client.get("/v1/jobs"),
                self.server.swap("echo", client=client),
            ):
                self.answers[answer.status_code] += 1

    def turn_to(self, server: ServingHouse) -> None:
        """From now on everything goes there."""
        with self.turn:
            self.server = server


@contextmanager
def load(front: Front, house: ClusterHouse) -> Iterator[None]:
    """Requests and jobs, one after the other, as long as the block runs."""
    is_over, failures = threading.Event(), []

    def ask() -> None:
        clients: dict[str, httpx.Client] = {}
        while not is_over.wait(0.1):
            try:
                front.ask(clients)
            except httpx.HTTPError as error:
                failures.append(error)

    def submit() -> None:
        while not is_over.wait(0.5):
            house.submit([f"job {len(house.texts)}"], seconds=0.1)

    threads = [threading.Thread(target=ask), threading.Thread(target=submit)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)
    assert not failures


def test_two_versions_work_side_by_side_and_no_request_and_no_job_fails(
    house: ClusterHouse, next_version: Path
) -> None:
    old_nodes = house.start_nodes(2, seconds=0.1)
    with ExitStack() as stack:
        old = stack.enter_context(_serving(house, "old", ROOT))
        front = Front(server=old)
        with load(front, house):
            new = stack.enter_context(_serving(house, "new", next_version))  # brings the schema forward
            house.start_node(seconds=0.1, root=next_version)
            _mixed_for_a_while(house)
            front.turn_to(new)
            old.process.send_signal(signal.SIGTERM)
            old_nodes[0].process.send_signal(signal.SIGTERM)  # itself alone: it hands back what it has
            house.start_node("late", seconds=0.1)  # an old one that starts on the new schema
            old_nodes[1].process.send_signal(signal.SIGTERM)
            _mixed_for_a_while(house)
            assert old.process.wait(60) == 0
        house.finish()
        assert set(front.answers) == {200}
        assert house.count(JobState.FAILED) == 0
        versions = {node.version for node in house.registry().nodes()}
        assert NEXT_VERSION in versions
        assert len(versions) == 2


def _mixed_for_a_while(house: ClusterHouse) -> None:
    enough = house.count(JobState.SUCCEEDED) + 5
    house.until(lambda: house.count(JobState.SUCCEEDED) >= enough, every_s=0.1)
    time.sleep(0.5)


@contextmanager
def _serving(house: ClusterHouse, name: str, root: Path) -> Iterator[ServingHouse]:
    (key_file := house.folder / "api_key").write_text(KEY)
    key_file.chmod(0o600)
    settings = FAULTY | {
        "PYTHONPATH": f"{root / 'src'}:{root}",
        "STEADFAST_DATABASE__URL": str(house.database_url),
        "STEADFAST_BLOBS__URL": str(house.folder / "blobs"),
        "STEADFAST_CLUSTER__NAME": name,
        "STEADFAST_CLUSTER__BROKER_URL": str(house.broker_url),
        "STEADFAST_CLUSTER__QUEUE_PREFIX": house.queue_prefix,
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
        "STEADFAST_BOOTSTRAP_KEY_FILE": str(key_file),
    }
    with serving(house.folder / name, settings, spares=0) as running:
        running.key = KEY
        yield running
