"""What the CRDs accept and refuse of a cutover, and the sentences with which they refuse.

The fields that a task and a wave have in common are asked of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from sandbox.api import Api

EARLY: Final = "2026-11-28T02:00:00+08:00"
LATE: Final = "2026-11-27T18:00:01Z"
"""A second later, although a person who compares the texts would think otherwise."""

WHICH_SENTENCE: Final = (
    "set either stopped: true or cutover, not both: stopped: true stops the migration now, whatever"
    " its lag; cutover stops it once the target has caught up. To stop it now after all, remove"
    " cutover and set stopped: true"
)
WAVE_SENTENCE: Final = (
    "set either waveRef or a window (notBefore, notAfter), not both: a task that belongs to a"
    " wave uses the window of the wave. Set notBefore and notAfter in the MigrationWave"
)
ORDER_SENTENCE: Final = (
    "notBefore must be earlier than notAfter: an order may be sent only between the two"
)
TIME_SENTENCE: Final = (
    "must be a time with its zone, such as 2026-11-28T02:00:00+08:00 or 2026-11-27T18:00:00Z"
)
STABLE_SENTENCE: Final = "stableFor must be a duration from 0s to 10m, such as 10s or 1m30s"
TIMEOUT_SENTENCE: Final = "timeout must be a duration from 1m to 24h, such as 30m or 1h30m"


class Take(Protocol):
    """Creates a resource with the given fields and returns them as they were stored."""

    def __call__(self, **fields: Any) -> Any:
        """Create it."""


@pytest.fixture
def create(api: Api, namespace: str) -> Take:
    """Give a maker of MigrationTasks with the given spec; returns the spec."""
    path = manifests.path(namespace, manifests.TASKS)
    return lambda **spec: api.create(path, manifests.migration_task("one", **spec))["spec"]


@pytest.fixture
def create_wave(api: Api, namespace: str) -> Take:
    """Give a maker of MigrationWaves with the given spec; returns the spec."""
    path = manifests.path(namespace, manifests.WAVES)
    return lambda **spec: api.create(path, manifests.migration_wave("one", **spec))["spec"]


@pytest.fixture(params=["task", "wave"])
def cutover(request: pytest.FixtureRequest, create: Take, create_wave: Take) -> Take:
    """Give a maker of resources with the given `spec.cutover`; returns the cutover."""
    make = create if request.param == "task" else create_wave
    return lambda **fields: make(cutover=fields)["cutover"]


@pytest.fixture(params=["task", "wave"])
def window(request: pytest.FixtureRequest, create: Take, create_wave: Take) -> Take:
    """Give a maker of resources with the given window; returns what holds the window."""
    if request.param == "wave":
        return create_wave
    return lambda **fields: create(cutover=fields)["cutover"]


def refused(take: Take, **fields: Any) -> str:
    """Return the sentence with which something is refused; one mistake gives one."""
    with pytest.raises(ApiError) as refusal:
        take(**fields)
    assert refusal.value.status == 422
    message = refusal.value.message
    assert message.count("Invalid value: ") + message.count("Forbidden: ") == 1
    return message


@pytest.mark.parametrize("stopped", [{}, {"stopped": False}], ids=["not said", "false"])
def test_an_empty_cutover_is_a_wish_and_nothing_is_filled_in(
    create: Take, stopped: dict[str, bool]
) -> None:
    """What the task does not say its wave may say, so that a default here would be in the way."""
    stored = create(cutover={}, **stopped)
    assert stored["cutover"] == {}
    assert stored["stopped"] is False


def test_a_full_cutover_is_stored_as_written(create: Take) -> None:
    """No field of it is changed, with a window or with a wave."""
    common = {"maxLag": 0, "stableFor": "10s", "timeout": "30m", "onTimeout": "Hold"}
    with_window = {"notBefore": EARLY, "notAfter": LATE, **common}
    assert create(cutover=with_window)["cutover"] == with_window


def test_a_cutover_in_a_wave_is_stored_as_written(create: Take) -> None:
    """The wave need not exist yet."""
    in_wave = {"waveRef": {"name": "first"}, "maxLag": 7, "onTimeout": "StopAnyway"}
    assert create(cutover=in_wave)["cutover"] == in_wave


@pytest.mark.parametrize("spec", [{}, {"cutover": None}], ids=["left out", "null"])
def test_no_cutover_stays_none(create: Take, spec: dict[str, None]) -> None:
    """Neither leaving it out nor null makes a wish."""
    assert "cutover" not in create(**spec)


def test_both_wishes_at_once_are_refused_and_told_apart(create: Take) -> None:
    """The sentence says which of the two does what, and how to get from one to the other."""
    message = refused(create, stopped=True, cutover={})
    assert message.endswith(f"spec.cutover: Forbidden: {WHICH_SENTENCE}")


def test_neither_wish_can_be_added_to_the_other(api: Api, namespace: str, create: Take) -> None:
    """The rule holds for a change as for a creation."""
    path = manifests.path(namespace, manifests.TASKS, "one")
    create(cutover={"maxLag": 5})
    with pytest.raises(ApiError, match="set either stopped: true or cutover, not both"):
        api.patch(path, {"spec": {"stopped": True}})


def test_a_cutover_becomes_an_order_by_one_patch(api: Api, namespace: str, create: Take) -> None:
    """As the sentence says: remove one and set the other."""
    path = manifests.path(namespace, manifests.TASKS, "one")
    create(cutover={"maxLag": 5})
    stored = api.patch(path, {"spec": {"stopped": True, "cutover": None}})["spec"]
    assert stored["stopped"] is True
    assert "cutover" not in stored
    with pytest.raises(ApiError, match="set either stopped: true or cutover, not both"):
        api.patch(path, {"spec": {"cutover": {}}})


def test_a_cutover_can_be_changed_and_removed(api: Api, namespace: str, create: Take) -> None:
    """The API server cannot know whether an order has left; the operator does."""
    path = manifests.path(namespace, manifests.TASKS, "one")
    create(cutover={"waveRef": {"name": "first"}})
    change = {"waveRef": None, "notBefore": EARLY, "maxLag": 3}
    assert api.patch(path, {"spec": {"cutover": change}})["spec"]["cutover"] == {
        "notBefore": EARLY,
        "maxLag": 3,
    }
    assert "cutover" not in api.patch(path, {"spec": {"cutover": None}})["spec"]


@pytest.mark.parametrize("side", ["notBefore", "notAfter"])
def test_a_wave_excludes_a_window(create: Take, side: str) -> None:
    """The sentence says where the window belongs."""
    fields = {"waveRef": {"name": "first"}, side: EARLY}
    message = refused(create, cutover=fields)
    assert "spec.cutover: Invalid value: " in message  # then Kubernetes before 1.31 says "object"
    assert message.endswith(WAVE_SENTENCE)


@pytest.mark.parametrize("name", ["", "First", "a_b", "../waves/x", "-a", "a."])
def test_wave_names_that_no_object_can_have_are_refused(create: Take, name: str) -> None:
    """The sentence says what a name looks like."""
    message = refused(create, cutover={"waveRef": {"name": name}})
    assert "waveRef.name must be the name of a MigrationWave" in message


def test_a_wave_without_a_name_is_refused(create: Take) -> None:
    """A forgotten name does not make a wish without a wave."""
    with pytest.raises(ApiError, match=r"spec\.cutover\.waveRef\.name: Required value"):
        create(cutover={"waveRef": {}})


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="none"),
        pytest.param({"notBefore": EARLY}, id="open at the end"),
        pytest.param({"notAfter": LATE}, id="open at the beginning"),
        pytest.param({"notBefore": EARLY, "notAfter": LATE}, id="one second in two zones"),
        pytest.param(
            {"notBefore": "2026-02-28T23:59:59.5Z", "notAfter": "2026-02-28T23:59:59.75Z"},
            id="parts of a second",
        ),
        pytest.param({"notBefore": "2028-02-29T00:00:00Z"}, id="leap day"),
        pytest.param({"notAfter": "2099-12-31T23:59:59-14:00"}, id="end of the century"),
    ],
)
def test_windows_are_stored_as_written(window: Take, fields: dict[str, str]) -> None:
    """Either side may be left open; the zone of the person who wrote it is kept."""
    stored = window(**fields)
    assert {side: stored[side] for side in fields} == fields
    assert {side for side in ("notBefore", "notAfter") if side in stored} == fields.keys()


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param(EARLY, EARLY, id="equal"),
        pytest.param(LATE, EARLY, id="the wrong way round"),
        pytest.param("2026-11-28T02:00:00+08:00", "2026-11-27T18:00:00Z", id="equal in two zones"),
    ],
)
def test_a_window_without_any_time_in_it_is_refused(window: Take, before: str, after: str) -> None:
    """Moments are compared, not texts."""
    assert refused(window, notBefore=before, notAfter=after).endswith(ORDER_SENTENCE)


@pytest.mark.parametrize("side", ["notBefore", "notAfter"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "tonight",
        "2026-11-28",
        "02:00",
        "2026-11-28T02:00:00",
        "2026-11-28T02:00Z",
        "2026-11-28 02:00:00Z",
        "2026-11-28T02:00:00z",
        "2026-11-28T02:00:00,5Z",
        "2026-11-28T02:00:00+0800",
        "2026-11-28T02:00:00+99:00",
        "2026-11-28T24:00:00Z",
        "2026-11-28T23:59:60Z",
        "2026-13-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1795975200",
    ],
)
def test_what_is_not_a_time_with_its_zone_is_refused(window: Take, side: str, text: str) -> None:
    """A time without a zone is somebody's night and somebody else's noon; one sentence says so."""
    other = {"notAfter": LATE} if side == "notBefore" else {"notBefore": EARLY}
    assert refused(window, **{side: text}, **other).endswith(f"{side} {TIME_SENTENCE}")


@pytest.mark.parametrize(
    "field, text",
    [
        *[("stableFor", text) for text in ("0s", "10s", "1m30s", "0.5m", "1500ms", "10m", "600s")],
        *[("timeout", text) for text in ("1m", "60s", "30m", "1h30m", "24h", "1440m", "86400s")],
    ],
)
def test_durations_within_their_bounds_are_stored_as_written(
    cutover: Take, field: str, text: str
) -> None:
    """In the form of Go and Kubernetes."""
    assert cutover(**{field: text}) == {field: text}


BAD_DURATIONS: Final = ("", "0", "10", "-1s", "+1s", "1 m", "1d", "1w", "1µs", "s", ".5m", "1e1s")
"""Not in that form, or with units that no person needs here."""


@pytest.mark.parametrize("text", [*BAD_DURATIONS, "10m1ms", "601s", "1h", "99999h" * 5])
def test_other_durations_of_rest_are_refused(cutover: Take, text: str) -> None:
    """The sentence says what it takes, with an example."""
    assert refused(cutover, stableFor=text).endswith(STABLE_SENTENCE)


@pytest.mark.parametrize("text", [*BAD_DURATIONS, "59s", "59999ms", "24h1ms", "25h", "99999h" * 5])
def test_other_timeouts_are_refused(cutover: Take, text: str) -> None:
    """The sentence says what it takes, with an example."""
    assert refused(cutover, timeout=text).endswith(TIMEOUT_SENTENCE)


@pytest.mark.parametrize("lag", [0, 1, 2**63 - 1])
def test_any_lag_from_zero_on_is_stored(cutover: Take, lag: int) -> None:
    """Up to the largest number that the API server stores."""
    assert cutover(maxLag=lag) == {"maxLag": lag}


def test_a_negative_lag_is_refused(cutover: Take) -> None:
    """Nothing could ever catch up so far."""
    assert refused(cutover, maxLag=-1).endswith("maxLag must be 0 or more")


@pytest.mark.parametrize("lag", ["0", 0.5, 2**63])
def test_a_lag_that_is_no_whole_number_is_refused(cutover: Take, lag: Any) -> None:
    """The message names the field and the type."""
    with pytest.raises(ApiError, match=r"spec\.cutover\.maxLag in body must be of type int"):
        cutover(maxLag=lag)


def test_other_words_for_the_end_of_the_time_are_refused(cutover: Take) -> None:
    """The message lists the known ones."""
    with pytest.raises(ApiError, match='Unsupported value: "Stop"') as refusal:
        cutover(onTimeout="Stop")
    assert '"Hold", "StopAnyway"' in refusal.value.message


def test_fields_that_do_not_exist_are_not_stored(cutover: Take) -> None:
    """A field that only other tools have is dropped."""
    assert cutover(maxLag=1, restart=True) == {"maxLag": 1}


@pytest.mark.parametrize("plural", [manifests.TASKS, manifests.WAVES])
def test_a_tool_that_applies_on_the_server_can_take_every_field_back(
    api: Api, namespace: str, plural: str
) -> None:
    """As Flux and Argo CD apply: what was there goes, and an empty cutover stays a cutover."""
    make = manifests.migration_task if plural == manifests.TASKS else manifests.migration_wave
    path = manifests.path(namespace, plural, "one")
    task_id = {"taskId": "0" * 32} if plural == manifests.TASKS else {}
    for cutover in ({"maxLag": 5, "timeout": "1h"}, {}, {"maxLag": 7}, {"stableFor": "20s"}, {}):
        body = make("one") | {"spec": task_id | {"cutover": cutover}}
        stored = api.apply(path, body, "git")
        assert stored["spec"]["cutover"] == cutover
    bare = make("one") | {"spec": task_id}
    stored = api.apply(path, bare, "git")
    assert "cutover" not in stored["spec"]


def test_a_wave_whose_spec_is_taken_back_holds(api: Api, namespace: str) -> None:
    """A server-side apply of nothing leaves the defaults."""
    path = manifests.path(namespace, manifests.WAVES, "one")
    for going in ({"state": "Go", "maxUnderWay": 3}, {"state": "Go"}):
        for spec in (going, {}, going, None):
            body = manifests.migration_wave("one") | {"spec": spec}
            stored = api.apply(path, body, "git")
            wanted = {"state": "Hold", "maxUnderWay": 50, "pauseAfterFailures": 1} | (spec or {})
            assert stored["spec"] == wanted


def test_a_wave_has_no_wave(create_wave: Take) -> None:
    """And its window is its own, not one of `cutover`."""
    fields = {"waveRef": {"name": "other"}, "notBefore": EARLY, "maxLag": 1}
    assert create_wave(cutover=fields)["cutover"] == {"maxLag": 1}


def test_a_wave_that_says_nothing_holds(create_wave: Take) -> None:
    """Fifty at once, and the first failure pauses it."""
    assert create_wave() == {"state": "Hold", "maxUnderWay": 50, "pauseAfterFailures": 1}


@pytest.mark.parametrize("spec", [{}, {"spec": None}], ids=["no spec", "null"])
def test_a_wave_need_not_have_a_spec(api: Api, namespace: str, spec: dict[str, None]) -> None:
    """A name is enough to hold tasks."""
    body = manifests.migration_wave("one")
    del body["spec"]
    stored = api.create(manifests.path(namespace, manifests.WAVES), body | spec)
    assert stored["spec"] == {"state": "Hold", "maxUnderWay": 50, "pauseAfterFailures": 1}


def test_a_wave_goes_and_holds_again(api: Api, namespace: str, create_wave: Take) -> None:
    """Both ways, as often as a person likes; without a state it holds."""
    path = manifests.path(namespace, manifests.WAVES, "one")
    create_wave(state="Go", maxUnderWay=100, pauseAfterFailures=0)
    for state, stored in [("Hold", "Hold"), ("Go", "Go"), (None, "Hold")]:
        assert api.patch(path, {"spec": {"state": state}})["spec"]["state"] == stored


def test_other_states_are_refused(create_wave: Take) -> None:
    """The message lists the known ones."""
    with pytest.raises(ApiError, match='Unsupported value: "go"') as refusal:
        create_wave(state="go")
    assert '"Hold", "Go"' in refusal.value.message


@pytest.mark.parametrize("count", [0, 101, -1])
def test_a_wave_has_one_to_a_hundred_tasks_under_way(create_wave: Take, count: int) -> None:
    """0 would be a Hold that nobody sees."""
    assert "maxUnderWay must be from 1 to 100" in refused(create_wave, maxUnderWay=count)


def test_a_wave_pauses_after_no_negative_number_of_failures(create_wave: Take) -> None:
    """The sentence says what 0 means."""
    message = refused(create_wave, pauseAfterFailures=-1)
    assert "pauseAfterFailures must be 0 or more; 0 means that failures never pause" in message


def test_a_wave_nobody_has_seen_says_so(api: Api, namespace: str, create_wave: Take) -> None:
    """From its first moment it is waited for by tools that read conditions."""
    create_wave()
    wave = api.get(manifests.path(namespace, manifests.WAVES, "one"))
    said = {c["type"]: (c["status"], c["reason"]) for c in wave["status"]["conditions"]}
    assert said == {"Ready": ("False", "Pending"), "Reconciling": ("True", "Pending")}
    assert manifests.written_status(wave) == {}


def test_every_field_of_a_waves_status_is_kept(api: Api, namespace: str, create_wave: Take) -> None:
    """Nothing is pruned, and writing it leaves the spec and its generation alone."""
    create_wave()
    ready = {"type": "Ready", "status": "True", "reason": "Complete", "message": "All stopped."}
    status = {
        "observedGeneration": 1,
        "conditions": [ready | {"lastTransitionTime": LATE, "observedGeneration": 1}],
        "tasks": {
            name: number
            for number, name in enumerate(
                ("total", "waiting", "caughtUp", "stopping", "stopped", "trouble")
            )
        },
        "openedAt": EARLY,
        "completedAt": LATE,
    }
    path = manifests.path(namespace, manifests.WAVES, "one")
    stored = api.patch(f"{path}/status", {"spec": {"state": "Go"}, "status": status})
    assert stored["status"] == status
    assert stored["spec"]["state"] == "Hold"
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize("suspend", [True, False])
def test_a_project_can_be_suspended_and_resumed(api: Api, namespace: str, *, suspend: bool) -> None:
    """Both ways; what is not said is not filled in."""
    path = manifests.path(namespace, manifests.PROJECTS)
    body = manifests.dcs_project("default", region="cn-north-4")
    assert "suspend" not in api.create(path, body)["spec"]
    for value in (suspend, not suspend):
        stored = api.patch(f"{path}/default", {"spec": {"suspend": value}})["spec"]
        assert stored["suspend"] is value


def test_a_cluster_project_can_be_suspended(api: Api) -> None:
    """It has the same field as a DCSProject."""
    collection = f"/apis/{manifests.GROUP_VERSION}/clusterdcsprojects"
    body = manifests.dcs_project("braked", region="cn-north-4", suspend=True)
    stored = api.create(collection, body | {"kind": "ClusterDCSProject"})
    api.delete(f"{collection}/braked")
    assert stored["spec"]["suspend"] is True


@pytest.mark.parametrize("value", ["yes", 1])
def test_a_brake_is_true_or_false(api: Api, namespace: str, value: Any) -> None:
    """A word that only looks like it is refused rather than dropped."""
    body = manifests.dcs_project("default", region="cn-north-4", suspend=value)
    with pytest.raises(ApiError, match=r"spec\.suspend in body must be of type boolean"):
        api.create(manifests.path(namespace, manifests.PROJECTS), body)
