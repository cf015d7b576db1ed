"""`python -m steadfast` is the `steadfast` command."""

from steadfast.cli import main

if __name__ == "__main__":
    main()
