"""`python -m steadfast.guardian [options] -- server command`: what `steadfast serve` becomes."""

import sys

from steadfast.guardian.guard import guard
from steadfast.guardian.options import parse
from steadfast.process_title import show_role


def main() -> int:
    """Runs the guardian; the answer is its exit status."""
    options, server_argv = parse(sys.argv[1:])
    show_role("guardian")
    return guard(server_argv, options)


if __name__ == "__main__":
    sys.exit(main())
