"""A recording shows again what was shown, in bounded files, whatever happens to the disk."""

from __future__ import annotations

import asyncio
import json
import math
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.night import BEGIN_S, Night
from kubectl_dcs.board import recording
from kubectl_dcs.board.live import Live, Scope
from kubectl_dcs.board.playback import play
from kubectl_dcs.board.recording import FILES_MAX, Recorder, rotated
from kubectl_dcs.board.state import LOST, State
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK, WAVE
from kubectl_dcs.problems import ApiProblem, WrongUsage
from unit.plugin import bodies

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {"namespace": "shop", "labels": "", "host": "https://x", "context": " --context prod"}


class Recorded:
    """A state and its recorder, on a clock of its own."""

    def __init__(self, path: Path, **limits: int) -> None:
        self.state = State()
        self.recorder = Recorder(path, ABOUT, self.state, **limits)
        self.now_s = BEGIN_S

    def hear(self, *news: News, contact_s: float | None = None) -> None:
        """Let both hear something."""
        for one in news:
            self.state.hear(one, self.now_s, contact_s)
            self.recorder.note(one, self.now_s, contact_s)

    async def flush(self) -> None:
        """Write what waits."""
        await self.recorder._flush(self.now_s)  # noqa: SLF001 - instead of waiting

    async def end(self) -> None:
        """End the recording as the end of the board does."""
        job = asyncio.create_task(self.recorder.run(lambda: self.now_s))
        await asyncio.sleep(0)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


def shown(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return what a page shows, in an order of its own."""
    parts = {key: snapshot[key] for key in ("links", "namespace")}
    for kind in ("migrationtasks", "migrationwaves", "dcsprojects"):
        parts[kind] = sorted(snapshot[kind], key=lambda one: (one["ns"], one["name"]))
    return parts


@pytest.mark.parametrize("keyframe_bytes", [20_000, 10**9], ids=["many keyframes", "none"])
async def test_each_moment_is_as_it_was(tmp_path: Path, keyframe_bytes: int) -> None:
    """A whole night: each snapshot that a page could have had, jumped to in any order."""
    night, kept = Night(), Recorded(tmp_path / "night", keyframe_bytes=keyframe_bytes)
    moments: dict[float, dict[str, Any]] = {}
    kept.hear(*night.listed(0))
    for second in range(0, 1200, 40):
        kept.now_s = BEGIN_S + second
        kept.hear(*night.changed(second))
        moments[kept.now_s] = shown(kept.state.snapshot())
        await kept.flush()
    await kept.end()
    with play(tmp_path / "night") as playback:
        assert playback.about["context"] == " --context prod"
        assert (playback.begin_s, playback.end_s) == (BEGIN_S, kept.now_s)
        times = list(moments)
        for at_s in times[::7] + times[::-5] + times[3:9]:
            assert shown(playback.snapshot(at_s)) == moments[at_s]


async def test_going_on_tells_what_changed_alone(tmp_path: Path) -> None:
    """As a page that plays asks for it."""
    kept = Recorded(tmp_path / "night", keyframe_bytes=1)
    kept.hear(News(What.LISTED, TASK, [bodies.task(name) for name in "abc"]))
    for second, name in enumerate("abcab", 1):
        kept.now_s = BEGIN_S + second
        kept.hear(News(What.CHANGED, TASK, [bodies.task(name, lag=second)]))
        await kept.flush()
    kept.now_s += 1
    kept.hear(News(What.DELETED, TASK, [bodies.task("c")]))
    await kept.end()
    with play(tmp_path / "night") as playback:
        playback.snapshot(BEGIN_S + 1)
        found = playback.changes(BEGIN_S + 1, BEGIN_S + 3)
        assert sorted(one["name"] for one in found["migrationtasks"]) == ["b", "c"]
        found = playback.changes(BEGIN_S + 3, BEGIN_S + 6)
        assert sorted(one["name"] for one in found["migrationtasks"]) == ["a", "b"]
        assert found["migrationtasksGone"] == ["shop/c"]
        assert playback.changes(BEGIN_S + 6, BEGIN_S + 9) == {"now": BEGIN_S + 9}


async def test_a_row_opens_as_it_opened_then(tmp_path: Path) -> None:
    """With the commands for the cluster of that night."""
    kept = Recorded(tmp_path / "night")
    kept.hear(News(What.LISTED, TASK, [bodies.task("a", "False/CatchingUp")]))
    kept.now_s += 60
    kept.hear(News(What.CHANGED, TASK, [bodies.task("a", "False/LagUnknown")]))
    await kept.end()
    with play(tmp_path / "night") as playback:
        before = playback.details(BEGIN_S, "shop", "a", " --context prod")
        after = playback.details(BEGIN_S + 60, "shop", "a", "")
        assert before
        assert after
        assert (before["entry"]["reason"], after["entry"]["reason"]) == ("CatchingUp", "LagUnknown")
        assert "--context prod" in before["commands"][0]
        assert playback.details(BEGIN_S - 1, "shop", "a", "") is None


async def test_a_cut_connection_is_part_of_the_recording(tmp_path: Path) -> None:
    """Also for a file that begins while it is cut."""
    kept = Recorded(tmp_path / "night", file_bytes_max=1)
    kept.hear(News(What.LISTED, TASK, [bodies.task("a")]))
    kept.now_s += 10
    kept.hear(News(What.LOST, TASK, problem=ApiProblem("it is gone")), contact_s=BEGIN_S + 5)
    await kept.flush()
    await kept.end()
    rotated(tmp_path / "night", 1).unlink()
    with play(tmp_path / "night") as playback:
        link = playback.snapshot(BEGIN_S + 10)["links"]["migrationtasks"]
        assert link == {"word": LOST, "since": BEGIN_S + 5, "code": 0, "why": "it is gone"}


async def test_however_long_the_night_the_files_are_bounded(tmp_path: Path) -> None:
    """The oldest goes, and what is left stands alone."""
    kept = Recorded(tmp_path / "night", file_bytes_max=4000)
    kept.hear(News(What.LISTED, TASK, [bodies.task(name) for name in "abc"]))
    for second in range(300):
        kept.now_s = BEGIN_S + second
        kept.hear(News(What.CHANGED, TASK, [bodies.task("a", lag=second)]))
        await kept.flush()
    await kept.end()
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]  # noqa: ASYNC240 - nothing waits
    assert len(sizes) == FILES_MAX
    assert max(sizes) < 4000 + 3 * 1500 + 200
    with play(tmp_path / "night") as playback:
        assert playback.begin_s > BEGIN_S + 200
        assert playback.skipped == 0
        assert sorted(
            one["name"] for one in playback.snapshot(playback.begin_s)["migrationtasks"]
        ) == [
            "a",
            "b",
            "c",
        ]
        last = playback.snapshot(playback.end_s)["migrationtasks"]
        assert next(one["lag"] for one in last if one["name"] == "a") == 299


async def test_only_its_owner_may_read_a_recording(tmp_path: Path) -> None:
    """It says which databases there are."""
    Recorded(tmp_path / "night")
    assert stat.S_IMODE((tmp_path / "night").stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [0, 3])
def test_a_recording_of_another_night_is_never_written_over(tmp_path: Path, number: int) -> None:
    """Not its older files either."""
    rotated(tmp_path / "night", number).write_text("the night before")
    with pytest.raises(WrongUsage, match="exists already: choose another file"):
        Recorded(tmp_path / "night")
    assert rotated(tmp_path / "night", number).read_text() == "the night before"


def test_where_nothing_can_be_written_is_told_at_once(tmp_path: Path) -> None:
    """Before the night begins."""
    with pytest.raises(WrongUsage, match=r"nothing can be recorded in .*No such file"):
        Recorded(tmp_path / "nowhere" / "night")


async def test_a_board_that_could_not_begin_leaves_no_file(tmp_path: Path) -> None:
    """As when its port is in use; the next attempt may take the same name."""
    await Recorded(tmp_path / "night").end()
    await Recorded(tmp_path / "night").end()
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nothing waits


async def test_a_full_disk_costs_what_was_meanwhile_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board goes on, says so, and records everything again once there is room."""
    kept = Recorded(tmp_path / "night")
    kept.hear(News(What.LISTED, TASK, [bodies.task("a"), bodies.task("b")]))
    await kept.flush()
    write = os.write

    def full(file: int, data: memoryview) -> int:
        if len(data) > 50:
            return write(file, data[:50])  # half a line gets through
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    kept.now_s += 10
    kept.hear(News(What.CHANGED, TASK, [bodies.task("a", lag=1)]))
    await kept.flush()
    assert kept.recorder.trouble == "No space left on device"
    monkeypatch.setattr(os, "write", write)
    kept.now_s += 10
    kept.hear(News(What.CHANGED, TASK, [bodies.task("b", lag=2)]))
    await kept.end()
    assert kept.recorder.trouble == ""
    with play(tmp_path / "night") as playback:
        assert playback.skipped == 1
        last = playback.snapshot(playback.end_s)["migrationtasks"]
        assert {one["name"]: one["lag"] for one in last} == {"a": 1, "b": 2}


async def test_what_the_disk_does_not_take_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a limit a gap is left, and everything is written again after it."""
    monkeypatch.setattr(recording, "PENDING_BYTES_MAX", 10_000)
    kept = Recorded(tmp_path / "night")
    kept.hear(News(What.LISTED, TASK, []))
    for second in range(100):
        kept.now_s = BEGIN_S + second
        kept.hear(News(What.CHANGED, TASK, [bodies.task("a", lag=second)]))
    assert kept.recorder._pending_bytes <= 10_000  # noqa: SLF001 - the limit itself
    await kept.flush()
    kept.now_s += 1
    kept.hear(News(What.CHANGED, TASK, [bodies.task("b")]))
    await kept.end()
    with play(tmp_path / "night") as playback:
        last = playback.snapshot(playback.end_s)["migrationtasks"]
        assert {one["name"]: one["lag"] for one in last} == {"a": 99, "b": None}


async def test_the_page_hears_of_a_disk_that_is_full_and_of_one_that_is_not_any_more(
    tmp_path: Path,
) -> None:
    """With the next message, in both directions."""
    live = Live(Scope("shop", "", "", ""), record=tmp_path / "night")
    recorder = live.recorder
    assert recorder
    for trouble in ("No space left on device", ""):
        recorder.trouble = trouble
        live.hear(News(What.CHANGED, TASK, [bodies.task("a")]))
        assert live.state.take_changes()["recording"] == trouble


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello\n", id="a text"),
        pytest.param(b"\x00\xff" * 50, id="bytes"),
        pytest.param(b'{"format": "other/1"}\n', id="another format"),
        pytest.param(b'{"format": "kubectl-dcs-board/1"}\n', id="nothing but a head"),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    """With what would be one."""
    (tmp_path / "night").write_bytes(content)
    with pytest.raises(WrongUsage, match="is not a recording of `kubectl dcs board --record`"):
        play(tmp_path / "night")


def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Its name too."""
    with pytest.raises(WrongUsage, match="night cannot be read: No such file"):
        play(tmp_path / "night")


LINES = st.one_of(
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")),
    st.fixed_dictionaries(
        {},
        optional={
            "at": st.sampled_from([1.0, 2, "x", None, math.nan, math.inf, 1e300]),
            "what": st.sampled_from(["listed", "changed", "deleted", "lost", "x", 1, None]),
            "kind": st.sampled_from(["MigrationTask", "MigrationWave", "DCSProject", "x", 7]),
            "objects": st.sampled_from(
                [[], [{}], [{"metadata": {"name": "a"}}], [[]], [None], "x", {"a": 1}, 5]
            ),
            "why": st.sampled_from(["x", 5, None]),
            "again": st.sampled_from([True, "x"]),
        },
    ).map(lambda one: json.dumps(one).encode()),
)


@given(lines=st.lists(LINES, max_size=8))
def test_lines_that_nobody_understands_are_left_out_and_counted(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file may be from another version, or half written."""
    path = tmp_path_factory.mktemp("any") / "night"
    head = b'{"format": "kubectl-dcs-board/1"}'
    good = recording.line_of(News(What.LISTED, WAVE, [bodies.wave()]), 1.0, None)
    path.write_bytes(b"\n".join([head, good.rstrip(), *lines]))
    with play(path) as playback:
        assert playback.skipped <= len(lines)
        assert math.isfinite(playback.end_s)
        json.dumps(playback.snapshot(playback.end_s), allow_nan=False)


def test_nothing_is_recorded_that_a_recording_does_not_need() -> None:
    """Annotations hold whatever somebody put there; certificates are long."""
    body = bodies.task("a")
    body["metadata"]["annotations"] = {"note": "password"}
    body["spec"]["caBundle"] = "long"
    kept = recording.kept(body)
    assert "password" not in json.dumps(kept)
    assert "caBundle" not in kept["spec"]
    assert kept["status"] == body["status"]
