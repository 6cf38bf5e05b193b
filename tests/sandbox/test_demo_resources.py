"""What the demo takes from the API server: states, and writes that it counted by itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo.resources import Recording, Resources, WatchError, status_patches


def event(
    phase: str = "",
    *,
    kind: str = "MODIFIED",
    wishes: int = 0,
    generation: int | None = None,
    version: str = "1",
) -> dict[str, Any]:
    """Return an event of a watch about the resource `one`.

    Args:
        phase: What its status says; empty: it has none.
        kind: Of the event.
        wishes: 1 once it shall be stopped.
        generation: The status speaks of this one; None: of the latest.
        version: The resource version.
    """
    latest = 1 + wishes
    body: dict[str, Any] = {
        "metadata": {"name": "one", "generation": latest, "resourceVersion": version},
        "spec": {"taskId": "0" * 32, "stopped": bool(wishes)},
    }
    if phase:
        ready = {"type": "Ready", "status": "True", "reason": "Observed", "message": "Fine."}
        body["status"] = {
            "phase": phase,
            "conditions": [ready],
            "observedGeneration": generation or latest,
        }
    return {"type": kind, "object": body}


def test_writes_before_and_since_the_wish_are_counted_apart() -> None:
    """The wish itself is no write to the status, and neither is an event that changes nothing."""
    resources = Resources()
    for one in (
        event(kind="ADDED"),
        event("MIGRATING"),
        event("MIGRATING", wishes=1, generation=1),
        event("TERMINATING", wishes=1),
        event("TERMINATED", wishes=1),
        event("TERMINATED", wishes=1),
    ):
        resources.absorb(one)
    found = resources.by_name["one"]
    assert (found.writes_observed, found.writes_stopping) == (1, 2)
    assert resources.writes() == 3
    assert found.phase == "TERMINATED"


def test_a_status_of_an_earlier_generation_is_not_current() -> None:
    """What it says is not yet about the latest wish."""
    resources = Resources()
    resources.absorb(event("MIGRATING", kind="ADDED"))
    assert resources.by_name["one"].current
    resources.absorb(event("MIGRATING", wishes=1, generation=1))
    assert not resources.by_name["one"].current


def test_phases_are_counted_and_none_counts_as_well() -> None:
    """A resource that shows nothing yet has the empty phase and no reason."""
    resources = Resources()
    resources.absorb(event(kind="ADDED"))
    assert resources.phases() == {"": 1}
    assert resources.by_name["one"].reason == ""
    resources.absorb(event("SUCCESS"))
    assert resources.phases() == {"SUCCESS": 1}
    assert resources.by_name["one"].reason == "Observed"


def test_a_deleted_resource_is_forgotten() -> None:
    """It counts no longer."""
    resources = Resources()
    resources.absorb(event(kind="ADDED"))
    resources.absorb(event(kind="DELETED"))
    assert resources.by_name == {}


def test_an_error_of_the_watch_is_not_mistaken_for_a_resource() -> None:
    """Nothing can be counted from there on."""
    with pytest.raises(WatchError, match="too old"):
        Resources().absorb({"type": "ERROR", "object": {"message": "too old resource version"}})


def test_a_recording_is_read_as_it_grows(tmp_path: Path) -> None:
    """A line that is not complete waits for its rest."""
    file = tmp_path / "watch.jsonl"
    first = json.dumps(event("MIGRATING", version="8"))
    second = json.dumps(event("SUCCESS", version="9"))
    file.write_text(f"{first}\n{second[:20]}")
    recording = Recording("7")
    recording.read_from(file)
    recording.catch_up()
    assert recording.resources.phases() == {"MIGRATING": 1}
    assert recording.version == "8"
    with file.open("a") as more:
        more.write(f"{second[20:]}\n")
    recording.catch_up()
    assert recording.resources.phases() == {"SUCCESS": 1}
    recording.catch_up()
    assert recording.resources.writes() == 2


def test_words_of_kubectl_in_a_recording_are_an_error(tmp_path: Path) -> None:
    """They are shown as they are."""
    file = tmp_path / "watch.jsonl"
    file.write_text("Unable to connect to the server\n")
    recording = Recording("7")
    recording.read_from(file)
    with pytest.raises(WatchError, match="Unable to connect"):
        recording.catch_up()


def test_a_recording_goes_on_in_the_file_of_the_next_watch(tmp_path: Path) -> None:
    """What the first one did not finish is dropped, because the next one tells it again."""
    first, second = tmp_path / "first", tmp_path / "second"
    lines = [json.dumps(event(phase, version=phase)) for phase in ("RUNNING", "SUCCESS")]
    first.write_text(f"{lines[0]}\n{lines[1][:20]}")
    second.write_text(f"{lines[1]}\n")
    recording = Recording("7")
    for file in (first, second):
        recording.read_from(file)
        recording.catch_up()
    assert recording.version == "SUCCESS"
    assert recording.resources.writes() == 2


def test_only_writes_to_the_status_of_tasks_are_counted() -> None:
    """Reads, other resources and the resource itself are not; refused writes are."""
    page = "\n".join(
        f"apiserver_request_total{{{labels}}} {count}"
        for labels, count in (
            ('code="200",resource="migrationtasks",subresource="status",verb="PATCH"', "340"),
            ('code="422",resource="migrationtasks",subresource="status",verb="PATCH"', "2"),
            ('code="200",resource="migrationtasks",subresource="status",verb="PUT"', "1e+00"),
            ('code="200",resource="migrationtasks",subresource="status",verb="GET"', "9"),
            ('code="200",resource="migrationtasks",subresource="",verb="PATCH"', "120"),
            ('code="200",resource="dcsprojects",subresource="status",verb="PATCH"', "1"),
        )
    )
    assert status_patches(f"# TYPE apiserver_request_total counter\n{page}\n") == 343
