"""A PostgreSQL of a drill's own, where its programs are installed: killing it harms nobody."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from steadfast.drill.fault import NotHere

_PATIENCE_S = 60


class PostgreSql:
    """A server on a socket in a temporary folder, reachable by nobody else."""

    def __init__(self) -> None:
        """Raises `NotHere` where it is not installed or does not start."""
        self._programs = _find_programs()
        # Of its own, below /tmp: the server refuses to be root, and another user must be able to reach it.
        self._folder = Path(tempfile.mkdtemp(prefix="steadfast-pg-", dir="/tmp"))
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._data = self._folder / "data"
        self._run([self._programs / "initdb", "-D", self._data, "-U", "drill", "-A", "trust", "-N"])
        self.start()

    @property
    def url(self) -> str:
        """As `database.url` takes it."""
        return f"postgresql://drill@/postgres?host={self._folder}"

    def start(self) -> None:
        """Starts it and waits until it takes connections; after a crash it recovers first."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}'"
        log = self._folder / "log"
        self._run([self._programs / "pg_ctl", "-D", self._data, "-w", "-o", options, "-l", log, "start"])

    def kill(self) -> None:
        """SIGKILL to its first process; the others end because of that."""
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        until_s = time.monotonic() + 10.0
        while time.monotonic() < until_s and Path(f"/proc/{pid}").exists():
            time.sleep(0.05)

    def remove(self) -> None:
        """Ends it and takes its files away."""
        pid = self._pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
            until_s = time.monotonic() + 10.0
            while time.monotonic() < until_s and Path(f"/proc/{pid}").exists():
                time.sleep(0.05)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pid(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        return None

    def _run(self, command: Sequence[str | Path]) -> None:
        groups: list[int] | None = [] if self._user is not None else None
        # Its output goes to a file and not a pipe: the server would inherit the pipe and hold it open.
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(  # noqa: S603 — PostgreSQL's own programs
                [str(word) for word in command],
                check=False,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                timeout=_PATIENCE_S,
                user=self._user,
                extra_groups=groups,
                cwd="/",
            )
            if ended.returncode != 0:
                output.seek(0)
                words = " ".join(output.read().decode(errors="replace").split())[-200:]
                raise NotHere(f"PostgreSQL did not start: {words}")


def _find_programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NotHere("PostgreSQL is not installed")
