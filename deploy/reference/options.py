"""The reference of the command line, from the operator's own parser.

Owns the form; what an option means is said where it is defined.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from dcs_migration_operator import cli
from reference.tables import code, table

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path(__file__).resolve().parents[2] / "docs" / "options.md"

DEFAULT: Final = re.compile(r" \(default(?:: (.*))?\)$")

HERE_AND_NOW: Final = {"--log-format": "text on a terminal, else json"}
"""Defaults that depend on where the parser is made."""

THE_DEFAULT: Final = {"--all-namespaces"}
"""Options that state the default, so that their variable alone changes nothing."""

HEAD = f"""# Options

<!-- Generated from the operator's command line by `python -m reference`; change it there. -->

`{cli.PROGRAM} run`, as `--help` prints it. An option takes precedence
over its environment variable. In a variable, the items of a list are separated by commas, and
switches are `true` or `false`. Times end in `-s` and are in seconds. In the Helm chart,
`--batch-size` is `operator.batchSize`, and so on; its other values are in its
[README](../deploy/chart/README.md).

"""

TAIL = f"""
`{cli.PROGRAM} --version` prints the version. Exit status: 0 after SIGTERM or SIGINT, 1
if it cannot work, with one line that says what to do, 2 for wrong usage.
"""


def render() -> str:
    """Return the text of the page."""
    heads = ("option", "environment variable", "default", "what it means")
    return HEAD + table(heads, [_row(action) for action in actions()]) + TAIL


def actions() -> Iterator[argparse.Action]:
    """Yield the options of `run`, with their defaults if the environment sets nothing."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(cli.PREFIX)}
    with mock.patch.dict(os.environ, kept, clear=True):
        parser = cli._parser()  # noqa: SLF001 - the only place that knows every option
    (commands,) = (one.choices for one in parser._actions if isinstance(one.choices, dict))  # noqa: SLF001 - argparse has no public way to them
    for action in commands["run"]._actions:  # noqa: SLF001 - the same
        if not isinstance(action, argparse._HelpAction):  # noqa: SLF001 - the same
            yield action


def variable(action: argparse.Action) -> str:
    """Return the environment variable of an option."""
    return cli.PREFIX + action.dest.upper()


def _row(action: argparse.Action) -> tuple[str, str, str, str]:
    text = action.help or ""
    found = DEFAULT.search(text)
    option = action.option_strings[0]
    default = HERE_AND_NOW.get(option) or (found[1] or "yes" if found else "")
    return (
        ", ".join(code(one) for one in action.option_strings),
        code(variable(action)),
        default,
        DEFAULT.sub("", text),
    )
