"""Over 200 generated logs planted causes are named first and clean logs left alone; huge ones stay flat."""

import os
import subprocess
import sys
from pathlib import Path

from tests.log_corpus.scenarios import ALL_KINDS, scenarios
from tests.log_corpus.scoring import score

from steadfast.health.log_diagnosis.findings import FindingKind

_PEAK = """
import sys
from steadfast.health.log_diagnosis.diagnosis import diagnose
found = diagnose(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(peak, found.findings[0].rule, found.findings[0].first.line)
"""


def test_planted_causes_are_named_first_and_clean_logs_are_left_alone(tmp_path: Path) -> None:
    result = score(scenarios(200), tmp_path)
    assert (result.planted, result.clean) == (180, 50)
    assert result.recall >= 0.95, result.misses
    assert result.false_share <= 0.02, result.misses


def test_the_corpus_has_every_kind() -> None:
    assert set(ALL_KINDS) == set(FindingKind) - {FindingKind.OTHER}
    planted = {cause for scenario in scenarios(200) for cause in scenario.causes}
    assert planted == set(ALL_KINDS)


def test_a_line_of_a_gigabyte_is_read_in_flat_memory(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    with file.open("wb") as stream:
        stream.write(b"INFO hello\n")
        # A hole of zeros costs no disk; it is dropped like those that a power cut leaves.
        stream.write(b"x" * 3_000_000)
        stream.seek(1_000_000_000, os.SEEK_CUR)
        stream.write(b" OSError: [Errno 28] No space left on device " + b"y" * 1_000_000)
    command = [sys.executable, "-c", _PEAK, str(file)]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert shown[1:] == ["disk_full", "2"]
    assert int(shown[0]) < 80_000  # KiB
