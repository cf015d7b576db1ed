"""`python -m steadfast`: the command line."""

from steadfast.cli import main

main()
