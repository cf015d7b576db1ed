"""`steadfast serve` looks first: what cannot work ends the start with one sentence and status 78."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.serving_house import serving

from steadfast.healthcheck import address_of, ask

SERVE = [sys.executable, "-m", "steadfast", "serve", "--port", "0"]


def started(data_dir: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
    environment = (
        own | {"STEADFAST_DATA_DIR": str(data_dir), "STEADFAST_SERVER__PREFLIGHT": "true"} | variables
    )
    return subprocess.run(
        SERVE, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=data_dir.parent
    )


def test_what_cannot_work_ends_the_start_with_one_sentence_and_status_78(tmp_path: Path) -> None:
    ended = started(tmp_path / "data", STEADFAST_RUNTIME__DEVICES="cuda:7", STEADFAST_FACES__ENGINE="neural")
    assert ended.returncode == 78
    sentence = next(line for line in ended.stderr.splitlines() if line.startswith("Error: "))
    assert "faces.engine is neural" in sentence
    assert "guardian_started" not in ended.stderr


def test_a_corrupt_settings_file_ends_the_start_with_status_78(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server\nport = ")
    ended = started(tmp_path / "data", STEADFAST_CONFIG=str(tmp_path / "config.toml"))
    assert ended.returncode == 78
    assert "is not valid TOML" in ended.stderr


def test_a_start_that_was_looked_at_serves_and_tells_where_the_healthcheck_asks(tmp_path: Path) -> None:
    with serving(tmp_path / "data", {"STEADFAST_SERVER__PREFLIGHT": "true"}, guardian=True) as house:
        assert ask(*address_of({}, tmp_path / "data")) == (True, "OK")
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(timeout=30) == 0
        assert not ask(*address_of({}, tmp_path / "data")).is_well
