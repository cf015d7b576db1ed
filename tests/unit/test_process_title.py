"""A process shows its role where people look for it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steadfast import process_title

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="titles are written on Linux only")

SHOW = """
import json, os, sys
from pathlib import Path
from steadfast.process_title import show_role
size = len(Path("/proc/self/cmdline").read_bytes())
role = sys.argv[1] * int(sys.argv[2])
shown = [show_role(role), show_role(role)]
files = {name: Path("/proc/self", name).read_text() for name in ("cmdline", "comm", "environ")}
print(json.dumps({"size": size, "shown": shown, "mark": os.environ["MARK"], **files}))
"""


def process_showing(role: str, times: int = 1) -> dict[str, Any]:
    """What a process that showed the role, twice, sees of itself."""
    ran = subprocess.run(
        [sys.executable, "-c", SHOW, role, str(times)],
        capture_output=True,
        check=True,
        timeout=30,
        env={"MARK": "kept"},
    )
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen


def test_the_role_replaces_the_command_line() -> None:
    seen = process_showing("worker face_swap cpu:0")
    assert seen["shown"] == [True, True]
    assert seen["cmdline"].rstrip("\0") == "steadfast: worker face_swap cpu:0"
    assert seen["comm"] == "sf-worker-face_\n"


def test_a_title_longer_than_the_command_line_is_cut_before_the_environment() -> None:
    seen = process_showing("x", times=20_000)
    assert seen["size"] < 20_000
    assert seen["cmdline"] == "steadfast: ".ljust(seen["size"] - 1, "x") + "\0"
    assert seen["mark"] == "kept"
    assert "MARK=kept" in seen["environ"].split("\0")


def test_where_the_kernel_tells_other_addresses_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path("/proc/self/cmdline").read_bytes()
    elsewhere = id(object()) & ~0xFFF
    monkeypatch.setattr(process_title, "_command_line_span", lambda: (elsewhere, elsewhere + 64))
    monkeypatch.setattr(process_title, "_show_short_name", lambda role: None)
    assert process_title.show_role("server") is False
    assert Path("/proc/self/cmdline").read_bytes() == before
