"""Computes once what workers would compute at every load: `python -m steadfast.tasks.prepare`.

The server starts it as a process of its own, because it loads native code, and before workers see anything of
the outside, because they may not write where it writes. Its input, on stdin, is the workers' configuration as
JSON; nothing comes from outside.
"""

import json
import sys

from steadfast.errors import SteadfastError
from steadfast.faces.engines import prepare
from steadfast.settings import FaceWorkSettings


def main(text: str) -> bool:
    """Whether everything is kept now."""
    try:
        return prepare(FaceWorkSettings(**json.loads(text)))
    except SteadfastError:  # the engine cannot work here; whoever loads it says why
        return False


if __name__ == "__main__":
    raise SystemExit(0 if main(sys.stdin.read()) else 1)
