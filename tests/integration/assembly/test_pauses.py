"""What is loaded once costs the loop no look of the garbage collector."""

import subprocess
import sys


def test_a_look_of_the_garbage_collector_does_not_hold_up_the_loop() -> None:
    code = (
        "import gc\nimport steadfast.assembly.service\n"
        "from steadfast.assembly.pauses import keep_pauses_short\n"
        "keep_pauses_short()\nprint(len(gc.get_objects()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 1000  # of a hundred thousand
