"""`python -m modelarts_export`, and the console script."""

import sys

from modelarts_export.cli import main


def run() -> None:
    """Run the command line of this process."""
    sys.exit(main())


if __name__ == "__main__":
    run()
