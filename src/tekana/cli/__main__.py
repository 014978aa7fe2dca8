"""`python -m tekana.cli` is the `tekana` command."""

from tekana.cli import main

if __name__ == "__main__":
    main()
