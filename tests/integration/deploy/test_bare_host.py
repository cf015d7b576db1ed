"""The unit is one that systemd understands and confines; the install script prints unless told otherwise."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[3] / "deploy" / "systemd"
UNIT = SYSTEMD / "steadfast.service"
LARGEST_EXPOSURE = 2.0  # of 10; systemd calls up to 2 "safe" and "OK"


def analyzed(*arguments: str) -> str:
    """What `systemd-analyze` says of the unit with a program that is here."""
    if shutil.which("systemd-analyze") is None:
        why = "systemd-analyze is not installed (Debian: systemd)"
        if os.environ.get("SYSTEMD_REQUIRED"):
            pytest.fail(why)
        pytest.skip(why)
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    text = UNIT.read_text().replace("/opt/steadfast/bin/steadfast", shutil.which("true") or "/bin/true")
    (tmp_path / "steadfast.service").write_text(text)
    return tmp_path / "steadfast.service"


def test_systemd_understands_every_line(unit: Path) -> None:
    said = analyzed("verify", "--man=no", str(unit))
    assert [line for line in said.splitlines() if "steadfast.service:" in line] == []


def test_what_a_taken_over_server_could_reach_is_little(unit: Path) -> None:
    said = analyzed("security", "--offline=yes", str(unit))
    exposure = re.search(r"Overall exposure level .*: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= LARGEST_EXPOSURE


def test_a_start_that_cannot_work_is_not_tried_again_and_a_stop_has_the_time_it_needs() -> None:
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=2 78" in text
    stop_s = int(re.search(r"TimeoutStopSec=(\d+)", text)[1])  # type: ignore[index]
    assert stop_s > 30 + 5  # server.grace_s, and the guardian's own beyond it
    for line in ("Type=notify", "Restart=on-failure", "OOMPolicy=continue", "KillMode=mixed"):
        assert line in text.splitlines()


def installed(tmp_path: Path, *options: str) -> tuple["subprocess.CompletedProcess[str]", str]:
    """The script with stand-ins for all that changes a machine; what they were called with."""
    programs, called = tmp_path / "bin", tmp_path / "called"
    programs.mkdir(exist_ok=True)
    called.touch()
    for name in ("useradd", "systemctl", "install", "rm", "sed", "python3", "getent"):
        status = 2 if name == "getent" else 0
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {called}\nexit {status}\n')
        (programs / name).chmod(0o755)
    (tmp_path / "prefix" / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(programs / "python3", tmp_path / "prefix" / "bin" / "python")
    done = subprocess.run(
        [str(SYSTEMD / "install"), "--prefix", str(tmp_path / "prefix"), *options],
        env={"PATH": f"{programs}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, "".join(line for line in called.read_text().splitlines(True) if "getent" not in line)


def test_without_being_told_it_prints_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    for options in ((), ("--gpu",), ("--remove",)):
        done, called = installed(tmp_path, *options)
        assert done.returncode == 0
        assert called == ""
        assert "This would be done" in done.stdout
        assert "systemctl daemon-reload" in done.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="only root installs")
def test_told_to_it_does_what_it_prints_in_that_order(tmp_path: Path) -> None:
    done, called = installed(tmp_path, "--gpu", "--yes")
    assert done.returncode == 0, done.stderr
    printed = [
        line.split()[0].rpartition("/")[2] for line in done.stdout.splitlines() if line.startswith("  ")
    ]
    assert [line.split()[0].replace("python3", "python") for line in called.splitlines()] == [
        name.replace("python3", "python") for name in printed
    ]
    assert "image-gpu.txt" in called
    assert called.splitlines()[-1] == "systemctl enable --now steadfast.service"


def test_an_option_that_is_none_is_refused(tmp_path: Path) -> None:
    done, called = installed(tmp_path, "--yes", "--everything")
    assert (done.returncode, called) == (2, "")
