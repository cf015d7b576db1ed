"""The `steadfast` process ends as a shell expects: by signal, by a reader that left, by its completion."""

import os
import signal
import subprocess
import sys

import pytest

from steadfast.errors import ExitCode

WAITING = """
import sys
from steadfast.cli import application
from steadfast.cli.invocation import command

@application.app.command()
@command
def wait(invocation):
    try:
        print("waiting", flush=True)
        sys.stdin.read()
    finally:
        print("cleaned up", flush=True)

application.main()
"""


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_a_signal_unwinds_what_was_begun_and_ends_without_a_traceback(
    sent: signal.Signals, status: ExitCode
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(sent)
    rest, errors = process.communicate(timeout=30)
    assert rest == "cleaned up\n"
    assert "Traceback" not in errors
    assert process.returncode == status


def completions(line: str) -> list[str]:
    words = line.split(" ")
    environment = {
        **os.environ,
        "_STEADFAST_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-c", "from steadfast.cli import main; main()"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return ended.stdout.split()


def test_the_shell_completes_commands_options_and_model_names() -> None:
    assert "models" in completions("steadfast mod")
    assert "--accept-license" in completions("steadfast models pull --acc")
    assert completions("steadfast models pull hyper") == [f"hyperswap_1{v}_256" for v in "abc"]
