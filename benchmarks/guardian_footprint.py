"""What the guardian costs, and how fast it brings a server back.

    python -m benchmarks.guardian_footprint [--runs N]

One table: start (to its first log line, and to the first answer), memory at its peak, processor time when
idle, and the time from the death or the hang of a small asyncio server to the next answer. Kills follow each
other at once, so the later ones wait out a backoff. For comparison: the same interpreter doing nothing, and
one that loaded what a guardian is usually written with. Bars: under 30 MB resident, under 0.3 s to start,
back in 3 s.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from steadfast.guardian.launch import guardian_argv
from steadfast.guardian.options import GuardianOptions

SERVER = Path(__file__).resolve().parents[1] / "tests" / "integration" / "guardian" / "fake_server.py"
IDLE_S = 5.0
LIMIT_MB, LIMIT_START_S, LIMIT_BACK_S = 30.0, 0.3, 3.0
USUAL = "import asyncio, subprocess, http.client, logging"


class Guarded:
    """A guardian over the small server, timed from its start."""

    def __init__(self) -> None:
        begun = time.monotonic()
        argv = guardian_argv([sys.executable, str(SERVER)], GuardianOptions())
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.event("guardian_started")
        self.start_s = time.monotonic() - begun
        self.pid = self.wait_until_serving()
        self.first_answer_s = time.monotonic() - begun

    def event(self, name: str) -> dict[str, object]:
        """The next event of that name."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            record: dict[str, object] = json.loads(line)
            if record["event"] == name:
                return record
        raise RuntimeError(f"the guardian ended before {name}")

    def wait_until_serving(self) -> int:
        """Until the next server answers; its process id."""
        assert self.process.stdout is not None
        started = self.event("server_started")
        line = next(line for line in self.process.stdout if line.startswith(b"port:"))
        self.port = int(line.split()[1])
        self.get("/health/live")
        return int(str(started["server_pid"]))

    def get(self, path: str, timeout_s: float = 10.0) -> None:
        """One request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()

    def back_after(self, fault: Callable[[], None]) -> float:
        """Seconds from the fault to the next server's first answer."""
        begun = time.monotonic()
        fault()
        self.pid = self.wait_until_serving()
        return time.monotonic() - begun

    def kill(self) -> None:
        """The fault of a crash."""
        os.kill(self.pid, signal.SIGKILL)

    def block(self) -> None:
        """The fault of a blocked loop; the request that causes it is not waited for."""
        with suppress(OSError):
            self.get("/block", timeout_s=0.001)

    def idle_cpu_percent(self) -> float:
        """Of one processor, while nothing happens."""
        before = processor_s(self.process.pid)
        time.sleep(IDLE_S)
        return (processor_s(self.process.pid) - before) / IDLE_S * 100

    def stop(self) -> int:
        """The exit status after SIGTERM."""
        self.process.terminate()
        return self.process.wait(30)


def processor_s(pid: int) -> float:
    """Processor time of a process's main thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def peak_mb(pid: int | str) -> float:
    """Its resident memory at its peak, in MB (10^6)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


def bare_peak_mb(code: str) -> float:
    """The peak of an interpreter that only runs this."""
    ask = f"{code}\nprint(open('/proc/self/status').read())"
    shown = subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True, text=True).stdout
    return int(next(line for line in shown.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


def main() -> int:
    """Prints the table; 1 if a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    starts = []
    for _ in range(runs):
        guarded = Guarded()
        starts.append((guarded.start_s, guarded.first_answer_s))
        guarded.stop()
    guarded = Guarded()
    idle = guarded.idle_cpu_percent()
    killed = [guarded.back_after(guarded.kill) for _ in range(runs)]
    guarded.stop()
    blocked = []
    for _ in range(runs):
        guarded = Guarded()
        blocked.append(guarded.back_after(guarded.block))
        peak = peak_mb(guarded.process.pid)
        guarded.stop()
    start_s = statistics.median(s for s, _ in starts)
    print(f"start, to the first log line        {start_s:7.3f} s   (bar {LIMIT_START_S})")
    print(f"start, to the server's first answer {statistics.median(s for _, s in starts):7.3f} s")
    print(f"peak memory                         {peak:7.1f} MB  (bar {LIMIT_MB:.0f})")
    print(f"  an interpreter that does nothing  {bare_peak_mb(''):7.1f} MB")
    print(f"  with the usual modules            {bare_peak_mb(USUAL):7.1f} MB")
    print(f"processor time when idle            {idle:7.3f} %")
    for name, back in (("SIGKILL", killed), ("a blocked loop", blocked)):
        print(f"{f'back after {name}':<35} {max(back):7.3f} s   worst of {runs} (bar {LIMIT_BACK_S:.0f})")
    return int(start_s > LIMIT_START_S or peak > LIMIT_MB or max(*killed, *blocked) > LIMIT_BACK_S)


if __name__ == "__main__":
    sys.exit(main())
