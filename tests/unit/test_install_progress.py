"""Setting up says how far it is, and what went wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from requirements.install import Display

SCRIPT = Path(__file__).resolve().parents[2] / "requirements" / "install.py"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Collecting pydantic-settings==2.12.0 (from -r dev.txt (line 3))", "pydantic-settings"),
        ("Processing ./annotated_types-0.8.0-py3-none-any.whl (from -r dev.txt)", "annotated_types"),
        ("Requirement already satisfied: numpy==2.4.0 in ./lib (from -r dev.txt)", "numpy"),
    ],
)
def test_every_requirement_that_pip_takes_up_is_counted_and_named(line: str, name: str) -> None:
    display = Display("packages", total=2)
    display.read(line)
    assert (display.found, display.doing) == (1, name)


def test_a_requirement_of_another_system_is_not_waited_for() -> None:
    display = Display("packages", total=2)
    display.read("Ignoring colorama: markers 'sys_platform == \"win32\"' don't match your environment")
    display.read("    Downloading something (1 kB)")
    assert (display.found, display.total) == (0, 1)


def test_what_pip_said_is_shown_whole_where_it_fails(tmp_path: Path) -> None:
    lock_file = tmp_path / "lock.txt"
    lock_file.write_text("nothing-of-this-name==1.0 --hash=sha256:00\n")
    ended = subprocess.run(
        [sys.executable, SCRIPT, "packages", lock_file, "--no-index"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert ended.stdout.startswith("  packages: failed (")
    assert "nothing-of-this-name" in ended.stderr
