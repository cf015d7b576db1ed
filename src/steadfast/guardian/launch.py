"""How a larger program becomes the guardian: by `exec`, so that nothing of it stays in memory."""

import os
import sys
from collections.abc import Sequence
from typing import Never

from steadfast.guardian.options import GuardianOptions


def works_here() -> bool:
    """Whether this system has what a guardian needs (`/proc`, subreapers); elsewhere, serve without one."""
    return sys.platform == "linux"


def become_guardian(server_argv: Sequence[str], options: GuardianOptions) -> Never:
    """Replaces this process by a guardian of that server; it does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, guardian_argv(server_argv, options))  # noqa: S606 — no shell is what we want


def guardian_argv(server_argv: Sequence[str], options: GuardianOptions) -> list[str]:
    """The guardian's command line."""
    # -P: a file in the current folder must not stand in for a module of the standard library.
    own = [sys.executable, "-P", "-m", "steadfast.guardian", *options.as_arguments()]
    return [*own, "--", *server_argv]
