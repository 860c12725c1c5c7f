"""`python -m handgrad`: the command line, where the `handgrad` command is not on the path."""

from __future__ import annotations

from handgrad.cli import main

if __name__ == "__main__":
    main()
