"""What the demo shows: lines without control characters, a table that fits, text to copy."""

import io

import pytest
import yaml
from rich.console import Console

from sandbox.demo.fleet import mixed_fleet
from sandbox.demo.show import COLUMNS_MAX, History, Lines, LiveTable, Moment, in_words, screen
from sandbox.demo.stay import instructions

CALLS = {"batch_stop": 3, "list": 12}


def test_lines_have_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever reads them is no terminal; what has not changed is not said again."""
    with Lines() as lines:
        lines.say("Begin")
        lines.show(Moment({}, {}, 0))
        lines.show(Moment({"MIGRATING": 2}, CALLS, 5))
        lines.show(Moment({"MIGRATING": 1}, CALLS, 5))
    output = capsys.readouterr().out
    assert output.replace("\n", "").isprintable()
    assert [line.split("s  ")[1].strip() for line in output.splitlines()] == [
        "Begin",
        "2 active | DCS calls: 3 batch_stop, 12 list, 0 show | 5 status writes",
    ]


def test_a_moment_in_words_names_phases_in_the_order_of_life() -> None:
    """Active ones are summed up; a word nobody knows comes last."""
    phases = {"FAILED": 1, "NEWWORD": 2, "TERMINATED": 3, "RUNNING": 4, "MIGRATING": 5, "": 6}
    text = "9 active, 6 without a phase, 3 TERMINATED, 1 FAILED, 2 NEWWORD |"
    assert text in in_words(Moment(phases, {}, 0))


def test_without_a_terminal_there_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in a pipe nor in a terminal that can only print."""
    assert isinstance(screen(), Lines)
    monkeypatch.setattr("sys.stdout", _Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(screen(), Lines)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screen(), LiveTable)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_table_keeps_the_moments_at_which_phases_changed() -> None:
    """And always the latest, but no more than fit, and none in which there was nothing."""
    history = History()
    history.add(0.0, Moment({}, {}, 0))
    assert history.moments() == []
    for second in range(3):
        history.add(float(second), Moment({"RUNNING": 1}, {}, second))
    assert [at_s for at_s, _ in history.moments()] == [2.0]
    for second in range(3, 30):
        history.add(float(second), Moment({"RUNNING": second}, {}, 0))
    assert [at_s for at_s, _ in history.moments()] == [float(s) for s in range(23, 30)]
    assert len(history.moments()) == COLUMNS_MAX


def test_the_table_fits_into_80_characters() -> None:
    """It does with the longest word, four digits and all columns."""
    history = History()
    for second in range(100, 130):
        history.add(float(second), Moment({"FULLMIGRATING": 1000 + second}, CALLS, 9999))
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(history.table())
    text = captured.get()
    assert "1129" in text
    assert "calls: lists" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_text_of_the_sandbox_can_be_copied_into_a_shell() -> None:
    """The document between the markers is the manifest of a task of the fleet."""
    fleet = mixed_fleet(20, 1.0)
    names = {"kubeconfig": "K", "path": "P", "fleet_file": "F", "admin": "A", "log": "L"}
    names |= {"endpoint": "E"}
    lines = instructions(fleet, **names).splitlines()
    assert "export KUBECONFIG=K" in lines
    assert "export PATH=P:$PATH" in lines
    assert "export KUBECTL_DCS_ALLOW_ENDPOINT=E" in lines
    start = lines.index("kubectl apply --filename - <<EOF")
    document = yaml.safe_load("\n".join(lines[start + 1 : lines.index("EOF")]))
    [member] = [one for one in fleet if one.name == document["metadata"]["name"]]
    assert document == {
        "apiVersion": "dcs.huaweicloud.com/v1alpha1",
        "kind": "MigrationTask",
        "metadata": {"name": member.name},
        "spec": {"taskId": member.task_id},
    }
    patch = f"""kubectl patch dcsmt {member.name} --type merge --patch '{{"spec": """
    assert any(line.startswith(patch) for line in lines)
