"""The command line: `python -m sandbox.dcs --help`.

Prints one line of JSON when it listens, then nothing; ends on SIGINT or SIGTERM with status 0. For
invalid options it prints one line and exits with status 2, for an unusable address with status 1.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from sandbox.dcs import records
from sandbox.dcs.calls import LOG_MAX
from sandbox.dcs.faults import Fault
from sandbox.dcs.fleet import STOP_S, Timing
from sandbox.dcs.keys import LOCK_S
from sandbox.dcs.migration import MigrationSpec
from sandbox.dcs.others import Act
from sandbox.dcs.permissions import ACTIONS
from sandbox.dcs.simulator import (
    ACCESS_KEY,
    LOOPBACK,
    PROJECT_ID,
    REDIS_PASSWORD,
    SECRET_KEY,
    ProjectOptions,
    Simulator,
    SimulatorOptions,
)
from sandbox.dcs.switches import Switches

PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class _Migrations:
    """The contents of a fleet file."""

    migrations: tuple[MigrationSpec, ...]


@dataclass(frozen=True, slots=True)
class _Projects:
    """The contents of a projects file."""

    projects: tuple[ProjectOptions, ...]


_File = TypeVar("_File", _Migrations, _Projects)
_Record = TypeVar("_Record", Fault, Act)


class _Parser(argparse.ArgumentParser):
    """Print one line with the error, without the usage text around it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; returns the exit status."""
    parser = _parser()
    try:
        options = _options(parser.parse_args(arguments))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    try:
        simulator = Simulator(options)
    except ValueError as error:
        parser.error(str(error))
    try:
        asyncio.run(_serve(simulator))
    except OSError as error:
        sys.stderr.write(f"{parser.prog}: cannot listen: {error.strerror or error}\n")
        return 1
    return 0


async def _serve(simulator: Simulator) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with simulator:
        line = {
            "endpoint": simulator.endpoint,
            "admin": simulator.admin_endpoint,
            "project_id": simulator.project.project_id,
            "projects": sorted(simulator.projects),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        await ended.wait()


def _parser() -> _Parser:
    parser = _Parser(prog="sandbox.dcs", description="A simulated DCS (migration calls only).")
    add = parser.add_argument
    add("--listen", default=f"{LOOPBACK}:0", metavar="HOST:PORT", help="port 0: a free one")
    add("--admin", metavar="HOST:PORT", help="the admin API; off unless given")
    add("--project-id", default=PROJECT_ID, help="of the first project (%(default)s)")
    add("--access-key", default=ACCESS_KEY, help="%(default)s")
    add("--secret-key", default=SECRET_KEY, help="simulated, so it has a default")
    add("--security-token", help="makes the key a temporary one")
    add("--running", type=int, default=0, metavar="N", help="number of INCRMIGEATING migrations")
    add("--words", default="", metavar="WORD=N,...", help="number of migrations of each word")
    add("--mixed", type=int, default=0, metavar="N", help="number of migrations of mixed words")
    add("--fleet", type=Path, metavar="FILE", help='JSON: {"migrations": [{"task_id": ...}]}')
    add("--projects", type=Path, metavar="FILE", help="JSON: further projects, see ProjectOptions")
    add("--shared-projects", type=int, default=0, metavar="N", help="more projects of the key")
    add("--shared-running", type=int, default=0, metavar="N", help="migrations in each of those")
    add("--lag-seconds", type=float, default=0.0, help="accepted stop to TERMINATING")
    add("--stop-seconds", type=float, default=STOP_S, help="TERMINATING to TERMINATED")
    add("--release-seconds", type=float, help="ended to RELEASED; never unless given")
    add("--answer-seconds", type=float, default=0.0, help="how long every answer takes")
    add("--lock-seconds", type=float, default=LOCK_S, help="after too many 401s; 0: no lock")
    add("--forget-seconds", type=float, help="401s further apart do not add up; unset: all do")
    add("--reject-seconds", type=float, default=0.0, help="how long a 401 takes")
    add("--skew-seconds", type=float, default=0.0, help="the gateway's clock is so far ahead")
    add("--read-after-seconds", type=float, default=0.0, help="delay of a new connection")
    again: dict[str, Any] = {"action": "append", "default": []}
    add("--deny", **again, choices=sorted(set(ACTIONS.values())), help="an action of the first key")
    add("--writers", **again, metavar="PATTERN", help="whose sources are written to, by name")
    add("--fault", **again, metavar="JSON", help="a fault that is on from the start: faults.py")
    add("--act", **again, metavar="JSON", help="what others do in the first project: others.py")
    add("--max-log", type=int, default=LOG_MAX, help="calls remembered (%(default)s)")
    add("--seed", type=int, default=0, help="other seed, other ids")
    add("--redis-password", default=REDIS_PASSWORD, help="planted in show and stop answers")
    add(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an open question answered otherwise: "
        + "; ".join(f"{name}={'|'.join(values)}" for name, values in _switch_values().items()),
    )
    return parser


def _options(given: argparse.Namespace) -> SimulatorOptions:
    """Return the options of the simulator; raises `ValueError` or `OSError` with one clear line."""
    _check_figures(given)
    host, port = _address(given.listen)
    admin_host, admin_port = _address(given.admin) if given.admin else (LOOPBACK, None)
    first = ProjectOptions(
        project_id=given.project_id,
        access_key=given.access_key,
        secret_key=given.secret_key,
        security_token=given.security_token,
        running=given.running,
        words=_words(given.words),
        mixed=given.mixed,
        migrations=_file(_Migrations, given.fleet).migrations if given.fleet else (),
    )
    others = _file(_Projects, given.projects).projects if given.projects else ()
    return SimulatorOptions(
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        projects=(first, *others),
        timing=Timing(
            lag_s=given.lag_seconds,
            stop_s=given.stop_seconds,
            release_after_s=given.release_seconds,
        ),
        answer_s=given.answer_seconds,
        lock_s=given.lock_seconds,
        forget_s=given.forget_seconds,
        reject_s=given.reject_seconds,
        skew_s=given.skew_seconds,
        read_after_s=given.read_after_seconds,
        denied=tuple(given.deny),
        writers=tuple(given.writers),
        faults=_records(Fault, "--fault", given.fault),
        acts=_records(Act, "--act", given.act),
        shared_projects=given.shared_projects,
        shared_running=given.shared_running,
        log_max=given.max_log,
        seed=given.seed,
        redis_password=given.redis_password,
        switches=_switches(given.switch),
    )


def _check_figures(given: argparse.Namespace) -> None:
    for name, value in vars(given).items():
        if name not in ("seed", "skew_seconds") and isinstance(value, int | float) and value < 0:
            raise ValueError(f"argument --{name.replace('_', '-')}: must not be negative")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise ValueError(f"not an address HOST:PORT: {text}")
    return host.strip("[]"), int(port)


def _words(text: str) -> dict[str, int]:
    words: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        word, _, count = part.partition("=")
        if not word or not count.isdecimal():
            raise ValueError(f"argument --words: not WORD=N: {part}")
        words[word] = words.get(word, 0) + int(count)
    return words


def _switch_values() -> dict[str, list[str]]:
    return {
        field.name: [str(value).lower() for value in records.choices(field.type)] or ["N"]
        for field in fields(Switches)
    }


def _switches(pairs: Sequence[str]) -> Switches:
    changes: dict[str, Any] = {}
    numbers = {field.name for field in fields(Switches) if field.type is int}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name in numbers and text.isdecimal():
            changes[name] = int(text)
        else:
            changes[name] = {"true": True, "false": False}.get(text, text)
    return Switches().changed(changes)


def _records(kind: type[_Record], option: str, texts: Sequence[str]) -> tuple[_Record, ...]:
    """Build one record per text; raises `ValueError` with the option it belongs to."""
    built = []
    for text in texts:
        try:
            built.append(records.build(kind, json.loads(text)))
        except json.JSONDecodeError:
            raise ValueError(f"argument {option}: not JSON: {text}") from None
        except ValueError as error:
            raise ValueError(f"argument {option}: {error}") from None
    return tuple(built)


def _file(kind: type[_File], path: Path) -> _File:
    try:
        data = json.loads(path.read_bytes())
    except ValueError:
        raise ValueError(f"not JSON: {path}") from None
    return records.build(kind, data)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
