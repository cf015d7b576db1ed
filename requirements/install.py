"""Installs one lock file and says how far it is, where pip would print 250 lines or none.

    python requirements/install.py "pinned packages" requirements/dev.txt --no-build-isolation

Runs `pip install --require-hashes -r FILE` with what follows FILE added. On a terminal one line counts
packages and seconds; elsewhere a line is written now and then. Where pip fails, all that it said is printed
and its status kept. Only the standard library: nothing is installed yet when this runs.
"""

import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

_BETWEEN_LINES_S = 10.0  # where there is no terminal
_REQUIREMENT = re.compile(
    r"(?:Collecting |Processing .*/|Requirement already satisfied: )([\w.]+(?:-(?!\d)[\w.]+)*)"
)


class Display:
    """One line that is written over on a terminal, or a line every few seconds."""

    def __init__(self, title: str, total: int) -> None:
        self.title = title
        self.total = total
        self.found = 0
        self.doing = "starting"
        self._begun = self._told = time.monotonic()

    def read(self, line: str) -> None:
        """Takes in one line of pip's."""
        if line.startswith("Ignoring "):  # not for this Python or system
            self.total -= 1
        elif found := _REQUIREMENT.match(line):
            self.found += 1
            self.doing = found[1]
        elif line.startswith("Installing collected packages"):
            self.doing = "unpacking all of them"

    def tell(self) -> None:
        """Shows how far it is."""
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\033[2K  {self._progress()}"[:90])
        elif time.monotonic() - self._told >= _BETWEEN_LINES_S:
            self._told = time.monotonic()
            sys.stdout.write(f"  {self._progress()}\n")
        sys.stdout.flush()

    def end(self, outcome: str) -> None:
        """The last line."""
        over = "\r\033[2K" if sys.stdout.isatty() else ""
        sys.stdout.write(f"{over}  {self.title}: {outcome} ({self._seconds():.0f} s)\n")
        sys.stdout.flush()

    def _progress(self) -> str:
        return f"{self.title}: {self.found} of {self.total}, {self._seconds():.0f} s, {self.doing}"

    def _seconds(self) -> float:
        return time.monotonic() - self._begun


def main(title: str, lock_file: str, *options: str) -> int:
    """Runs pip; the answer is its status."""
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off")
    pip = subprocess.Popen(
        (*command, "--require-hashes", "-r", lock_file, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    display = Display(title, _count(lock_file))
    said = _follow(pip, display)
    status = pip.wait()
    display.end(f"{display.found} ready" if status == 0 else "failed")
    if status:
        sys.stderr.write("".join(said))
    return status


def _count(lock_file: str) -> int:
    lines = Path(lock_file).read_text(encoding="utf-8").splitlines()
    return sum(line[:1].isalnum() for line in lines)


def _follow(pip: "subprocess.Popen[str]", display: Display) -> list[str]:
    """What pip says until it closes its output, with the display kept going while it is silent."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert pip.stdout is not None
    threading.Thread(target=_pump, args=(pip.stdout, lines), daemon=True).start()
    said: list[str] = []
    while True:
        try:
            line = lines.get(timeout=1.0)
        except queue.Empty:
            display.tell()
            continue
        if line is None:
            return said
        said.append(line)
        display.read(line)
        display.tell()


def _pump(stream: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
