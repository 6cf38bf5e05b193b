"""The command line as a whole: help, exit statuses, one line for each error, completion."""

from __future__ import annotations

import errno
import importlib
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from dcs_migration_operator import __version__
from kubectl_dcs import cli, completion
from kubectl_dcs.commands import status as status_command
from kubectl_dcs.problems import Interrupted, Problem, TimeIsUp, WrongUsage
from unit.plugin import bodies

if TYPE_CHECKING:
    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import FakeApi

SLOW = {
    *("kubernetes", "rich", "requests", "urllib3", "huaweicloudsdkcore", "kopf", "asyncio", "yaml"),
}

HELP_S_MAX = 60.0
"""For one interpreter; it takes a fraction of a second."""


def imported_by(*arguments: str) -> set[str]:
    """Return the packages that a command imports, in an interpreter of its own."""
    script = (
        "import sys; from kubectl_dcs.cli import main; status = main(sys.argv[1:])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    answer = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=HELP_S_MAX,
        check=True,
    )
    return set(answer.stderr.split())


def test_help_imports_nothing_that_is_slow() -> None:
    """It has to be there in a fraction of a second, on any machine."""
    assert not imported_by("--help") & SLOW


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_a_command_imports_neither_cluster_nor_cloud(name: str) -> None:
    """Nor what draws on a terminal."""
    assert not imported_by(name, "--help") & (SLOW - {"yaml"})


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_where_its_row_says(bare_run: Run, name: str) -> None:
    """And has a help with a sentence for each option."""
    module, _, attribute = cli.COMMANDS[name].place.partition(":")
    command = getattr(importlib.import_module(f"kubectl_dcs.commands.{module}"), attribute)
    assert command.name == name
    bare = [
        option.name
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert bare == []
    ran = bare_run(name, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: kubectl dcs {name} ")


def test_the_version_is_that_of_the_operator(bare_run: Run) -> None:
    """They come in one wheel."""
    assert bare_run("--version").out == f"kubectl dcs {__version__}\n"


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["nope"], "No such command 'nope'. See `kubectl dcs --help`."),
        (["status", "--nope"], "No such option '--nope'. See `kubectl dcs status --help`."),
        (["status", "-o", "xml"], "Invalid value for '-o' / '--output'"),
        (["wait", "night", "--timeout", "soon"], "'soon' is not a duration such as 90s"),
        (["wait", "night", "--timeout", "99999999999h"], "is longer than 30 days"),
        (["go"], "Missing argument 'WAVE'. See `kubectl dcs go --help`."),
        (["go", "../secrets/x"], "'../secrets/x' is not the name of an object"),
        (["go", "a" * 254], "is not the name of an object"),
        (["status", "-n", "a", "-A"], "give either --namespace or --all-namespaces, not both"),
        (["status", "-n", "a/b"], "'a/b' is not the name of a namespace"),
        (["stop"], "choose which migrations to stop: names, --selector or --wave"),
        (["stop", "-l", ""], "choose which migrations to stop"),
        (["stop", "--now", "--max-lag", "1", "a"], "--now stops whatever the lag, so it takes no"),
        (["wait"], "choose what to wait for"),
        (["wait", "night", "-A"], "a wave is in one namespace"),
        (["report"], "choose what to report"),
        (["import", "-o", "x.yaml", "--kustomize"], "--kustomize needs a folder"),
        (["import", "-o", "x", "--label", "a"], "'a' is not a label such as wave=1"),
        (
            ["import", "--project", "a", "--cluster-project", "b", "-o", "x"],
            "give either --project",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    bare_run: Run, arguments: list[str], line: str
) -> None:
    """Before any cluster is asked."""
    ran = bare_run(*arguments)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("kubectl dcs: ")
    assert line in ran.err
    assert ran.err.count("\n") == 1


def test_without_a_command_the_help_is_shown(bare_run: Run) -> None:
    """As wrong usage."""
    ran = bare_run()
    assert ran.status == 2
    assert "Commands:" in ran.err


@pytest.mark.parametrize(
    "error, status, line",
    [
        (Problem("a\nb"), 1, "kubectl dcs: a b\n"),
        (WrongUsage("c"), 2, "kubectl dcs: c\n"),
        (TimeIsUp("d"), 3, "kubectl dcs: d\n"),
        (Interrupted("e"), 130, "kubectl dcs: e\n"),
        (KeyboardInterrupt(), 130, "\nkubectl dcs: interrupted\n"),
        (
            ModuleNotFoundError("No module", name="kubernetes"),
            1,
            (
                "kubectl dcs: the Python package kubernetes is missing; install with: pipx install"
                " 'dcs-migration-operator[cli]'\n"
            ),
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "kubectl dcs: the output cannot be written: No space left on device\n",
        ),
        (
            ValueError("odd"),
            1,
            (
                "kubectl dcs: unexpected error (ValueError: odd); KUBECTL_DCS_DEBUG=1"
                " shows the traceback. Please report it\n"
            ),
        ),
    ],
)
def test_whatever_goes_wrong_is_one_line(
    bare_run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, line: str
) -> None:
    """With its exit status, and never a traceback."""

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(status_command, "connect", fail)
    ran = bare_run("status")
    assert (ran.status, ran.out, ran.err) == (status, "", line)


def test_a_reader_that_has_seen_enough_is_no_error(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `kubectl dcs status | head`."""
    del run

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return self.target

        target = 0

    api.put("migrationtasks", bodies.task())
    with open("/dev/null", "w", encoding="utf-8") as sink:  # noqa: PTH123 - a descriptor to close
        closed = Closed()
        closed.target = sink.fileno()
        monkeypatch.setattr(sys, "stdout", closed)
        assert cli.main(["status"]) == 1


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["stop", "orders"], ["nope"]])
def test_a_stream_that_is_closed_is_no_traceback(
    api: FakeApi,
    bare_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    closed: str,
    arguments: list[str],
) -> None:
    """Python has None for it, as in `kubectl dcs status >&-`."""
    del bare_run
    api.put("migrationtasks", bodies.task(spec={}))
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None if name == closed else io.StringIO())
    status = cli.main(arguments)
    assert status == {"--help": 0, "status": 0, "stop": 2, "nope": 2}[arguments[0]]


def test_a_disk_that_is_full_is_told(api: FakeApi, run: Run) -> None:
    """As in `kubectl dcs status > report.txt`."""
    del run
    api.put("migrationtasks", bodies.task())
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kubectl_dcs", "status"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=HELP_S_MAX,
            check=False,
        )
    assert done.returncode == 1
    assert "kubectl dcs: the output cannot be written: No space left on device\n" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_completion(bare_run: Run, shell: str) -> None:
    """For the plugin under its own name."""
    ran = bare_run("completion", shell)
    assert ran.status == 0
    assert "_KUBECTL_DCS_COMPLETE=" in ran.out
    assert "kubectl-dcs" in ran.out


def completed(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """Return what kubectl would be answered."""
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-dcs", *words])
    return completion.Kubectl(cli.group, {}, cli.PROGRAM, "").complete().splitlines()


def test_kubectl_is_offered_commands_options_and_names(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the form that it expects of its plugins, names from the cluster included."""
    del run
    for name in ("night", "noon", "day"):
        api.put("migrationwaves", bodies.wave(name))
    assert [line.partition("\t")[0] for line in completed(monkeypatch, "s")] == [
        *("status", "stop", ":4"),
    ]
    assert completed(monkeypatch, "go", "n") == ["night", "noon", ":4"]
    assert completed(monkeypatch, "wait", "night", "--until", "c") == ["caught-up", ":4"]
    assert "--now" in [line.partition("\t")[0] for line in completed(monkeypatch, "stop", "--n")]


def test_without_a_cluster_nothing_is_offered(
    monkeypatch: pytest.MonkeyPatch, alone: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is said, since it would stand in the middle of what somebody types."""
    del alone
    assert completed(monkeypatch, "go", "n") == [":4"]
    assert capsys.readouterr().err == ""
