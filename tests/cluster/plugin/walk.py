"""Pages with commands and what they print, followed on a real API server and a simulated DCS.

A block of `sh` is run as a reader would; the block of `text` behind it has to be what it printed,
but for times, ages and paths. `RENEW=1` writes what was printed into the page. What an operator
would do meanwhile is done by the stages of `test_pages.py`, before the command that they are named
after.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster.plugin.conftest import SCRIPTS
from sandbox.control_plane.processes import loopback_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.control_plane import ControlPlane

ROOT: Final = Path(__file__).resolve().parents[3]

PAIR: Final = re.compile(
    r"(?P<skip><!-- not run by tests: [^\n]+ -->\n)?(?:<!-- exit status (?P<status>\d+) -->\n)?"
    r"```sh\n(?P<commands>.*?)```\n"
    r"(?:\n```text\n(?P<output>.*?)```\n)?",
    re.DOTALL,
)

BLOCK_S_MAX: Final = 120.0

PAGE_ENDPOINT: Final = "https://dcs.cn-north-4.myhuaweicloud.com"
PAGE_PROJECT_ID: Final = "0123456789abcdef0123456789abcdef"
PROJECT_ID: Final = re.compile(r"(project )[0-9a-f]{32}\b")

VARYING: Final = (
    (re.compile(r"at https?://[\w.:-]+"), "at ENDPOINT"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "PROJECT"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\d\d:\d\d:\d\dZ"), "CLOCK"),
    (re.compile(r"\b(\d+[dhms]){1,2}\b"), "SPAN"),
    (re.compile(r" {2,}"), "  "),  # columns are as wide as what varies in them
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A block of commands, how it ends, and what it prints; None if the page does not show it."""

    commands: str
    status: int
    output: str | None


def pairs(page: str) -> list[Pair]:
    """Return the blocks of a page that are run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Pair(found["commands"], int(found["status"] or 0), found["output"])
        for found in PAIR.finditer(text)
        if not found["skip"]
    ]


def plain(text: str) -> str:
    """Return what was printed without what differs each time."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text


class Reader:
    """Somebody with a shell, a kubeconfig whose context has the namespace, and an empty folder.

    Args:
        typed: What is typed when a command asks, by the beginning of the command.
        stages: What happens in the cluster before a command, the same.
    """

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        namespace: str,
        *,
        endpoint: str,
        typed: Mapping[str, str],
        stages: Mapping[str, Callable[[], None]],
    ) -> None:
        self._folder, self._typed, self._stages = folder, typed, stages
        self._endpoint = endpoint
        config = folder.parent / "kubeconfig"
        text = plane.kubeconfig.read_text(encoding="utf-8")
        config.write_text(
            re.sub(r"namespace: \S+", f"namespace: {namespace}", text), encoding="utf-8"
        )
        folders = [str(SCRIPTS), str(plane.binaries["kubectl"].parent), "/usr/bin", "/bin"]
        self._environment = loopback_environment() | {
            "PATH": os.pathsep.join(folders),
            "KUBECONFIG": str(config),
            "KUBECACHEDIR": str(plane.folder / "kubectl-cache"),
            "KUBECTL_DCS_ALLOW_ENDPOINT": endpoint,
        }
        self.unused = set(typed) | set(stages)

    def run(self, pair: Pair) -> str:
        """Run a block and return what a terminal would show of it."""
        commands = pair.commands
        for beginning, act in self._stages.items():
            if beginning in commands:
                self.unused.discard(beginning)
                act()
        typed = ""
        for beginning, answer in self._typed.items():
            if beginning in commands:
                self.unused.discard(beginning)
                typed = answer
        done = subprocess.run(  # noqa: S603 - what the project's own pages say
            ["/bin/sh", "-eu", "-c", commands],
            cwd=self._folder,
            env=self._environment,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BLOCK_S_MAX,
            check=False,
        )
        assert done.returncode == pair.status, done.stdout
        # On a terminal what is typed is seen too.
        return done.stdout.replace("to continue: ", f"to continue: {typed}")

    def as_shown(self, printed: str) -> str:
        """Return what was printed with an endpoint and a project id that are always the same."""
        printed = printed.replace(self._endpoint, PAGE_ENDPOINT)
        return PROJECT_ID.sub(rf"\g<1>{PAGE_PROJECT_ID}", printed)


def follow(page: str, reader: Reader) -> None:
    """Run a page and compare; with RENEW in the environment, write it instead."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    for pair in pairs(page):
        printed = reader.run(pair)
        if pair.output is None:
            continue
        if os.environ.get("RENEW"):
            before = f"```sh\n{pair.commands}```\n\n```text\n{pair.output}```\n"
            assert text.count(before) == 1
            shown = reader.as_shown(printed)
            text = text.replace(before, f"```sh\n{pair.commands}```\n\n```text\n{shown}```\n")
        else:
            assert plain(printed) == plain(pair.output), pair.commands
    assert reader.unused == set()
    if os.environ.get("RENEW"):
        path.write_text(text, encoding="utf-8")
