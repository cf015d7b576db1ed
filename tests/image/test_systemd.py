"""The unit under a real systemd, the first process of a container: ready, frozen, misconfigured, stopped."""

import re
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from tests.image.conftest import free_port
from tests.image.workshop import ROOT, Container, Workshop, at_most

MACHINE = "steadfast-systemd:check"
DEMO = ROOT / "docs" / "images" / "demo.jpg"
UNIT = ROOT / "deploy" / "systemd" / "steadfast.service"
WATCHDOG_S = int(re.findall(r"^WatchdogSec=(\d+)$", UNIT.read_text(), re.MULTILINE)[0])


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One that systemd runs."""

    container: Container

    def does(self, *command: str) -> str:
        """What a command that must succeed says."""
        status, said = self.container.execute(*command)
        assert status == 0, f"{command}: {said}"
        return said

    def shows(self, name: str) -> str:
        """A property of the unit."""
        return self.does("systemctl", "show", "--value", "--property", name, "steadfast").strip()

    def process(self, title: str) -> str:
        """Of the service."""
        return self.does("pgrep", "--uid", "steadfast", "--full", f"^steadfast: {title}").split()[0]

    def until(self, name: str, value: str, within_s: float) -> None:
        """Until a property is that."""
        end_s = time.monotonic() + within_s
        while self.shows(name) != value:
            assert time.monotonic() < end_s, self.journal()
            time.sleep(0.5)

    def until_ready(self) -> None:
        """Until it would answer."""
        end_s = time.monotonic() + 120
        while not self._is_ready():
            assert time.monotonic() < end_s, self.journal()
            time.sleep(0.5)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.container.port}"

    def journal(self) -> str:
        """Of the unit."""
        return self.container.execute("journalctl", "--unit", "steadfast", "--no-pager", "--output", "cat")[1]


@pytest.fixture(scope="module")
def machine(workshop: Workshop, image: str) -> Iterator[Machine]:
    workshop.build(MACHINE, file="tests/image/systemd.Dockerfile", IMAGE=f"localhost/{image}")
    container = Container(workshop=workshop, name=f"check-{uuid4().hex[:8]}", port=free_port())
    # systemd confines what it starts, and needs the rights to do so.
    rights = ["--cap-add", "SYS_ADMIN,AUDIT_WRITE,SYS_PTRACE", "--security-opt", "seccomp=unconfined"]
    files, processes = at_most(resource.RLIMIT_NOFILE, 65_536), at_most(resource.RLIMIT_NPROC, 4096)
    bounds = ["--ulimit", f"nofile={files}", "--ulimit", f"nproc={processes}", "-m", "3g"]
    named = ["--name", container.name, "--systemd=always", "--network=host"]
    named += ["--volume", f"{UNIT}:/etc/systemd/system/{UNIT.name}:ro"]
    try:
        workshop.podman("run", "--detach", *named, *rights, *bounds, f"localhost/{MACHINE}")
        opened = Machine(container=container)
        variables = f"STEADFAST_SERVER__PORT={container.port}\nSTEADFAST_RUNTIME__SPARES=0\n"
        end_s = time.monotonic() + 60
        while container.execute("systemctl", "is-system-running")[1].strip() not in ("running", "degraded"):
            assert time.monotonic() < end_s, container.logs()
            time.sleep(0.5)
        opened.does("sh", "-c", f"printf '{variables}' > /etc/steadfast/environment")
        opened.does("systemctl", "start", "steadfast")
        yield opened
    finally:
        workshop.podman("rm", "--force", "--time", "5", container.name, check=False)


def test_a_start_returns_when_the_service_answers_and_workers_work_confined(machine: Machine) -> None:
    assert (machine.shows("ActiveState"), machine.shows("StatusText")) == ("active", "serving")
    assert httpx.get(f"{machine.url}/health/live", trust_env=False, timeout=30).status_code == 200
    machine.until_ready()
    picture = DEMO.read_bytes()
    files = [("source", picture), ("target", picture)]
    answer = httpx.post(f"{machine.url}/v1/swap", files=files, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    for title in ("guardian", "server", "worker face_swap"):
        status = machine.does("cat", f"/proc/{machine.process(title)}/status")
        for line in (
            "NoNewPrivs:\t1",
            "Seccomp:\t2",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
        ):
            assert line in status.splitlines(), (title, line)
    mounts = machine.does("cat", f"/proc/{machine.process('server')}/mountinfo")
    options = {line.split()[4]: line.split()[5] for line in mounts.splitlines()}
    assert options["/"].startswith("ro,")
    assert options["/var/lib/steadfast"].startswith("rw,")
    assert "/home" in options  # covered by an empty folder


def test_a_guardian_that_is_frozen_is_killed_by_the_watchdog_and_started_again(machine: Machine) -> None:
    restarts, frozen = int(machine.shows("NRestarts")), machine.shows("MainPID")
    machine.does("kill", "-STOP", frozen)
    machine.until("NRestarts", str(restarts + 1), within_s=WATCHDOG_S + 60)
    machine.until("ActiveState", "active", within_s=150)
    assert machine.shows("MainPID") != frozen
    assert "Watchdog timeout" in machine.journal()


def test_a_guardian_that_is_killed_is_started_again(machine: Machine) -> None:
    restarts = int(machine.shows("NRestarts"))
    machine.does("kill", "-KILL", machine.shows("MainPID"))
    machine.until("NRestarts", str(restarts + 1), within_s=60)
    machine.until("ActiveState", "active", within_s=150)


def test_a_server_that_is_frozen_is_the_guardians_to_restart(machine: Machine) -> None:
    restarts, frozen = machine.shows("NRestarts"), machine.process("server")
    machine.does("kill", "-STOP", frozen)
    end_s = time.monotonic() + 60
    while frozen in machine.container.execute("pgrep", "--full", "^steadfast: server")[1].split():
        assert time.monotonic() < end_s, machine.journal()
        time.sleep(0.5)
    assert (machine.shows("ActiveState"), machine.shows("NRestarts")) == ("active", restarts)


def test_a_reload_replaces_the_workers_and_not_the_service(machine: Machine) -> None:
    before = machine.shows("MainPID"), machine.shows("NRestarts")
    machine.does("systemctl", "reload", "steadfast")
    end_s = time.monotonic() + 60
    while '"why":"reload"' not in machine.journal():
        assert time.monotonic() < end_s, machine.journal()
        time.sleep(0.5)
    assert (machine.shows("MainPID"), machine.shows("NRestarts")) == before


def test_a_stop_is_in_order_and_leaves_nothing(machine: Machine) -> None:
    machine.does("systemctl", "stop", "steadfast")
    assert (machine.shows("Result"), machine.shows("ExecMainStatus")) == ("success", "0")
    assert machine.container.execute("pgrep", "--uid", "steadfast")[1].split() == []


def test_settings_that_cannot_work_are_told_once_and_not_tried_again(machine: Machine) -> None:
    machine.does("systemctl", "stop", "steadfast")
    machine.does(
        "sh", "-c", "echo '[server' > /etc/steadfast/config.toml && chgrp steadfast /etc/steadfast/*"
    )
    assert machine.container.execute("systemctl", "start", "steadfast")[0] != 0
    assert (machine.shows("ActiveState"), machine.shows("ExecMainStatus")) == ("failed", "78")
    assert machine.shows("NRestarts") == "0"
    assert "/etc/steadfast/config.toml is not valid TOML" in machine.journal()
    assert machine.journal().count("is not valid TOML") == 1
