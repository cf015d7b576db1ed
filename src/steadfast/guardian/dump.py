"""The server's side of a stack dump: SIGUSR1, or a fault in native code, writes every thread's stack.

`faulthandler` works from a signal handler in C, so it speaks while Python code blocks or native code never
returns.
"""

import faulthandler
import signal

ASK_FOR_STACKS = signal.SIGUSR1


def write_stacks_to(fd: int) -> None:
    """Has SIGUSR1 write all stacks to `fd`, after which the process goes on; a fatal signal writes them and
    ends it.
    """
    faulthandler.register(ASK_FOR_STACKS, file=fd, all_threads=True, chain=False)
    faulthandler.enable(file=fd, all_threads=True)
