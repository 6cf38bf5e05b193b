"""The command line: lists the commands, turns errors into one line, sets the exit status.

A command is a click command in a module of `commands/`, and a row in `COMMANDS`. It is imported
only when it is used, so that `--help` is fast and a command does not pay for the imports of the
others.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dcs_migration_operator import __version__
from kubectl_dcs.options import COMPLETE
from kubectl_dcs.problems import INTERRUPTED, PERSON_NEEDED, WRONG_USAGE, Problem, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM: Final = "kubectl dcs"

DEBUG: Final = "KUBECTL_DCS_DEBUG"
"""If set, an unexpected error prints its traceback."""


@dataclass(frozen=True, slots=True)
class Row:
    """One command: where it is, as `module:attribute` of `commands/`, and what it does."""

    place: str
    about: str


COMMANDS: Final = {
    "plan": Row("plan:plan", "Print what would happen: which calls, what waits, and why."),
    "status": Row("status:status", "Show the state of migrations: trouble first, then by lag."),
    "stop": Row("stop:stop", "Request that migrations stop: once caught up, or now."),
    "hold": Row("states:hold", "Set a wave to Hold: no further order is sent."),
    "go": Row("states:go", "Set a wave to Go: each task stops once its target has caught up."),
    "wait": Row("wait:wait", "Wait until migrations have caught up, or are stopped."),
    "logs": Row("logs:logs", "Print DCS's own log of one migration."),
    "report": Row("report:report", "Print the outcome of a wave, for the change ticket."),
    "board": Row("board:board", "Show the cutover on a local page, live or from a recording."),
    "import": Row("imports:import_", "Write a manifest for each migration that no resource names."),
    "completion": Row("completions:completion", "Print the completion script of a shell."),
}
"""In the order of `--help`; a new command is a new row here."""

STREAMS: Final = {"stdin": "r", "stdout": "w", "stderr": "w"}

OUTPUT_FAILS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""The errno values of a failing output, as in `kubectl dcs status > file`."""

INSTALL: Final = "install with: pipx install 'dcs-migration-operator[cli]'"

EPILOG: Final = """Exit status: 0 done, 1 a person is needed, 2 wrong usage, 3 time is up, 130
interrupted. Rights, output and examples: docs/kubectl-dcs.md."""


class Commands(click.Group):
    """The commands, each imported only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in their order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None if there is none of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        found: click.Command = getattr(
            importlib.import_module(f"kubectl_dcs.commands.{module}"), attribute
        )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.about) for name, row in COMMANDS.items()])


@click.command(
    cls=Commands,
    name="dcs",
    epilog=EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def group() -> None:
    """Plan, watch and report cutovers of DCS migrations."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status."""
    with _every_stream():
        try:
            try:
                status = _run(argv)
            except Exception as error:  # noqa: BLE001 - see _unforeseen
                status = _unforeseen(error)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader of the output has closed it
            _give_output_up()
            return PERSON_NEEDED
        except OSError as error:
            _give_output_up()
            return _fail(f"the output cannot be written: {error.strerror}", PERSON_NEEDED)
    return status


@contextlib.contextmanager
def _every_stream() -> Iterator[None]:
    """Replace closed standard streams, which are None in Python, by empty ones."""
    with contextlib.ExitStack() as stack:
        for name, mode in STREAMS.items():
            if getattr(sys, name) is None:
                stack.callback(setattr, sys, name, None)
                empty = stack.enter_context(Path(os.devnull).open(mode, encoding="utf-8"))
                setattr(sys, name, empty)
        yield


def _give_output_up() -> None:
    """Discard pending output; otherwise Python would report the same error once more at exit."""
    with contextlib.suppress(OSError):
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(sink, sys.stdout.fileno())
        finally:
            os.close(sink)


def _run(argv: Sequence[str] | None) -> int:
    try:
        status: Any = group.main(
            argv, prog_name=PROGRAM, complete_var=COMPLETE, standalone_mode=False
        )
    except Problem as problem:
        if problem.status == INTERRUPTED and sys.stderr.isatty():
            sys.stderr.write("\n")  # the terminal shows ^C on the line
        return _fail(str(problem), problem.status)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return WRONG_USAGE
    except click.UsageError as error:
        hint = f" See `{error.ctx.command_path} --help`." if error.ctx else ""
        return _fail(error.format_message().rstrip(".") + "." + hint, WRONG_USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), WRONG_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _unforeseen(error: Exception) -> int:
    """Turn an unexpected error into one line without a traceback."""
    if isinstance(error, BrokenPipeError) or getattr(error, "errno", None) in OUTPUT_FAILS:
        raise error
    if isinstance(error, ModuleNotFoundError):
        return _fail(f"the Python package {error.name} is missing; {INSTALL}", PERSON_NEEDED)
    if os.environ.get(DEBUG):
        traceback.print_exc()
    text = f"unexpected error ({type(error).__name__}: {one_line(str(error))})"
    return _fail(f"{text}; {DEBUG}=1 shows the traceback. Please report it", PERSON_NEEDED)


def _fail(text: str, status: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"{PROGRAM}: {text}\n")
    return status
