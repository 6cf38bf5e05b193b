"""Runs the command line for `python -m dcs_migration_operator`."""

import sys

from dcs_migration_operator.cli import main

if __name__ == "__main__":
    sys.exit(main())
