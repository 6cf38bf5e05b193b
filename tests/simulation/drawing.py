"""Draws cases: a fleet, what users do, what happens to the replicas, and a weather.

Most cases are small. A case is of a sort, so that each sort of trouble meets a world that is quiet
enough for its effects to be told apart; one sort has everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from dcs_migration_operator.core.cutover import Cutover, TermsSaid
from simulation.cloud import HANGS, SHOWS, SPOILS, Migration, task_id
from simulation.deeds import FORGERIES
from simulation.faults import API, API_CALLS, CLOUD, ApiFault, CloudFault, Jump, Pause, Weather
from simulation.faults import HANGS as API_HANGS
from simulation.lags import SPOILT, Replication
from simulation.wishes import CALM, FEW, RUNNING, Deed, WaveSpec, cutovers, window
from simulation.wishes import TIMES as CUTOVER_TIMES
from simulation.world import NAMESAKES, wave_ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUSY_S: Final = 120.0
"""Users and weather are busy for so long."""

SHARES: Final[Mapping[str, int]] = {
    "weather": 120,
    "tenants": 110,
    "keys": 30,
    "all": 100,
    "console": 100,
    "ids": 100,
    "cutover": 180,
    "stall": 60,
    "streak": 60,
    "busy": 20,
    "spoilt": 20,
    "unshown": 20,
    "again": 20,
    "moved": 20,
    "ends": 30,
    "crowd": 10,
}
"""Of a thousand cases, how many are of each sort: two thirds are about stops at once in all
weathers, a quarter about conditional ones. Hypothesis would choose sorts far less evenly."""


@dataclass(frozen=True, slots=True)
class Case:
    """One drawn case.

    Attributes:
        fleet: The migrations by id; the n-th is in the cloud project n modulo `projects`.
        unknown: So many resources more name ids that DCS does not know.
        projects: Projects, each with a Secret of its own.
        keys: Access keys; the n-th project has the key n modulo `keys`.
        page_rows: Rows of a full page of the list.
        undashed: The list writes ids as 32 hex digits.
        decoys: A wrong cloud project knows the same ids, where they run; else it knows none.
        refusal_s: How long the gateway takes for a 401.
        poll_settled_s: As in the settings.
        window_s: How long a stop waits for company at most.
        sort: What it is about.
    """

    fleet: dict[str, Migration]
    unknown: int
    deeds: tuple[Deed, ...]
    weather: Weather
    replicas: int = 1
    projects: int = 1
    keys: int = 1
    page_rows: int = 1000
    undashed: bool = False
    decoys: bool = False
    refusal_s: float = 0.05
    poll_settled_s: float = 600.0
    window_s: float = 2.0
    sort: str = ""

    @property
    def conditional(self) -> bool:
        """Whether tasks are to be stopped on conditions."""
        return any(deed.what == "cut over" for deed in self.deeds)


SIZES = [1, 2, 3, 5, 8, 60]
SMALL_SIZES = [1, 2, 2, 3, 3, 5, 5, 8, 60]
TIMES = st.integers(0, int(BUSY_S) * 4).map(lambda quarter: quarter / 4)
SPANS = st.sampled_from([0.5, 2.0, 10.0, 45.0])
WORDS = ["MIGRATING", "INCRMIGEATING", "NEW_WORD", "TERMINATING", "TERMINATED", "SUCCESS", "FAILED"]
STRANGE_WORDS = ["", "\ud800", "terminated?", "RUNNING" * 40]
MIGRATIONS = st.builds(
    Migration,
    word=st.sampled_from(WORDS),
    lag_s=st.sampled_from([0.0, 1.0, 8.0]),
    stop_s=st.sampled_from([0.0, 3.0, 30.0]),
    ends_as=st.sampled_from(["TERMINATED", "TERMINATED", "SUCCESS"]),
    ignores=st.sampled_from([0, 0, 0, 1]),
    listed=st.sampled_from([True, True, False]),
)
SPOILING = st.sampled_from([*SPOILS, HANGS])
SHOWN = st.sampled_from([*SHOWS, HANGS])
ODD = st.sampled_from(["effect", "no effect"])
NO = st.just("")


def strange(
    spoils: st.SearchStrategy[str], shows: st.SearchStrategy[str], odd: st.SearchStrategy[str]
) -> st.SearchStrategy[Migration]:
    """Draw a migration about which these things are strange."""
    return st.builds(
        Migration,
        word=st.sampled_from(["MIGRATING", "MIGRATING", *STRANGE_WORDS]),
        lag_s=st.sampled_from([0.0, 8.0]),
        listed=st.sampled_from([True, False]),
        ignores=st.sampled_from([0, 0, 2]),
        spoils=spoils,
        shows=shows,
        odd=odd,
        until_s=st.sampled_from([20.0, 150.0, float("inf")]),
    )


STRANGE = st.one_of(
    strange(SPOILING, NO, NO),
    strange(NO, SHOWN, NO),
    strange(NO, NO, ODD),
    strange(NO | SPOILING, NO | SHOWN, NO | ODD),
)
CLOUD_FAULTS = st.builds(
    CloudFault,
    begins_s=TIMES,
    lasts_s=st.sampled_from([0.5, 2.0, 10.0, 45.0, 0.5, 2.0, 10.0, 45.0, 300.0]),
    operation=st.sampled_from(["any", "batch_stop", "list", "show", "stats"]),
    kind=st.sampled_from(sorted(CLOUD)),
    moment=st.sampled_from(["before", "after"]),
)
API_FAULTS = st.builds(
    ApiFault,
    begins_s=TIMES,
    lasts_s=SPANS,
    status=st.sampled_from(API),
    moment=st.sampled_from(["before", "after"]),
    calls=st.sampled_from(API_CALLS),
)
WEATHERS = st.builds(
    Weather,
    cloud_faults=st.lists(CLOUD_FAULTS, max_size=4).map(tuple),
    api_faults=st.lists(API_FAULTS, max_size=2).map(tuple),
    pauses=st.lists(
        st.builds(Pause, begins_s=TIMES, lasts_s=SPANS, replica=st.integers(0, 1)), max_size=2
    ).map(tuple),
    watch_delays_s=st.lists(st.sampled_from([0.0, 0.05, 2.0, 15.0]), min_size=1, max_size=4).map(
        tuple
    ),
    answers_s=st.lists(st.sampled_from([0.05, 0.5, 5.0]), min_size=1, max_size=3).map(tuple),
    connects_s=st.lists(st.sampled_from([0.0, 0.0, 5.0]), min_size=1, max_size=3).map(tuple),
)
THROTTLED = st.builds(CloudFault, TIMES, SPANS, st.just("any"), st.just("throttled"), st.just(""))
MILD = st.builds(Weather, cloud_faults=st.lists(CLOUD_FAULTS | THROTTLED, max_size=1).map(tuple))
REFUSING = st.builds(
    CloudFault,
    begins_s=st.just(0.0) | TIMES,
    lasts_s=st.sampled_from([2.0, 10.0, 45.0]),
    operation=st.just("batch_stop"),
    kind=st.sampled_from(["busy", "forbidden", "500", "503", "not found"]),
    moment=st.just("before"),
)
STUBBORN = st.builds(Weather, cloud_faults=st.lists(REFUSING, min_size=1, max_size=2).map(tuple))
SLOW = st.builds(
    Weather,
    answers_s=st.lists(st.sampled_from([0.05, 0.5]), min_size=1, max_size=2).map(tuple),
    samples_s=st.lists(st.sampled_from([0.05, 0.5, 12.0, 29.0]), min_size=1, max_size=4).map(tuple),
    connects_s=st.lists(st.sampled_from([0.0, 5.0, 12.0]), min_size=1, max_size=3).map(tuple),
    cloud_faults=st.lists(CLOUD_FAULTS, max_size=1).map(tuple),
)
"""Calls that take so long that what was known before them is old."""
SLOW_UNTIL_S: Final = 420.0
"""So long they do: until every time limit that is drawn is up."""

JUMPS = st.builds(
    Jump,
    CUTOVER_TIMES,
    st.sampled_from([-3600.0, -90.0, -20.0, 20.0, 90.0, 3600.0]),
    st.integers(0, 1),
)
SECRETS = ["right", "missing", "guess 1", "guess 2", "guess 3", "guess 4", "guess 5"]
PROJECTS = ["right", "wrong", "suspend", "delete"]
SETTLED_S = st.sampled_from([60.0, 600.0])
CONSOLE = ["start", "start", "stop", "remove"]


WEATHER_OF = {
    "calm": st.builds(Weather),
    "mild": MILD,
    "slow": SLOW,
    "weather": WEATHERS,
    "ids": MILD,
    "tenants": MILD,
    "console": MILD | STUBBORN,
    "all": WEATHERS,
}


def cases_of(sort: str) -> st.SearchStrategy[Case]:
    """Draw a case of one sort."""
    return SPECIAL[sort]() if sort in SPECIAL else mixed_cases(sort)


@st.composite
def mixed_cases(draw: st.DrawFn, sort: str) -> Case:
    """Draw a case of stops at once: mostly a few tasks, sometimes more than one batch."""
    count = draw(st.sampled_from(SIZES if sort in {"weather", "console"} else SMALL_SIZES))
    models = [draw(MIGRATIONS) for _ in range(min(count, 8))]
    if sort in {"ids", "all"}:
        models[0] = draw(STRANGE)
    fleet = {task_id(n): models[n % len(models)] for n in range(count)}
    if sort in {"ids", "all"} and count > len(models):
        healthy = draw(MIGRATIONS)
        fleet |= {task_id(n): healthy for n in range(len(models), count, len(models))}
    projects = draw(st.sampled_from([2, 2, 3, 3, 12, 30])) if sort == "tenants" else 1
    if sort == "all":
        projects = draw(st.integers(1, 3))
    keys = draw(st.sampled_from([1, 1, projects]))
    unknown = draw(st.sampled_from([0, 0, 0, 1, 1, 1, 150] if sort == "ids" else [0, 1]))
    replicas = draw(st.integers(1, 2)) if sort in {"weather", "all", "tenants"} else 1
    deeds = draw(users(count, unknown))
    if sort in {"console", "all"}:
        deeds += draw(console(count))
    if sort in {"tenants", "all"}:
        deeds += draw(tenants(projects, keys))
    if sort in {"weather", "all", "tenants"}:
        lives = st.builds(
            Deed, TIMES, st.sampled_from(["kill", "end"]), st.integers(0, replicas - 1)
        )
        deeds += draw(st.lists(lives, max_size=3))
    return Case(
        fleet,
        unknown,
        tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        draw(STUBBORN if sort == "console" and count > len(models) else WEATHER_OF[sort]),
        replicas,
        projects,
        keys,
        page_rows=draw(st.sampled_from([1000, 1000, 7])) if sort in {"ids", "all"} else 1000,
        undashed=sort in {"ids", "all"} and draw(st.booleans()),
        decoys=sort in {"tenants", "all"} and draw(st.booleans()),
        refusal_s=draw(st.sampled_from([0.05, 0.3, 3.0])) if sort == "tenants" else 0.05,
        poll_settled_s=draw(st.sampled_from([60.0, 600.0]))
        if sort in {"console", "all"}
        else 600.0,
        sort=sort,
    )


SKIES = ["calm", "calm", "calm", "mild", "slow", "slow", "weather"]
"""Drawn first: what comes late in a long drawing is drawn less evenly."""

FLEETS = [*([1, 2, 2, 3, 3, 4, 5] * 3), 8, 8, 8, 60]
"""Tasks with conditional wishes; with many of them a case costs as much as dozens of others."""


@st.composite
def cutover_cases(draw: st.DrawFn) -> Case:
    """Draw a case of conditional wishes, with waves, in any weather and on any clock."""
    weather = draw(WEATHER_OF[draw(st.sampled_from(SKIES))])
    count = draw(st.sampled_from(FLEETS))
    models = [draw(RUNNING) for _ in range(min(count, FEW))]
    projects = draw(st.sampled_from([1, 1, 1, 2]))
    replicas = draw(st.integers(1, 2))
    deeds = draw(cutovers(count, draw(st.sampled_from([0, 1, 1, 2]))))
    numbers = st.integers(0, count - 1)
    twins = numbers.map(lambda number: number + NAMESAKES)
    also = st.sampled_from(["stop", "observe", "delete"])
    deeds += draw(st.lists(st.builds(Deed, CUTOVER_TIMES, also, twins), max_size=1))
    brakes = draw(st.lists(st.tuples(CUTOVER_TIMES, st.integers(0, projects - 1)), max_size=1))
    for at, project in brakes:
        deeds.append(Deed(at, "project: suspend", project))
        deeds.append(Deed(at + draw(st.sampled_from([5.0, 40.0])), "project: right", project))
    ends = st.builds(
        Deed, CUTOVER_TIMES, st.sampled_from(["kill", "kill", "end"]), st.integers(0, replicas - 1)
    )
    deeds += draw(st.lists(ends, max_size=2))
    if draw(st.sampled_from([False, False, False, True])):  # nobody leads for a while
        at = draw(CUTOVER_TIMES)
        back_at = at + draw(st.sampled_from([10.0, 45.0, 90.0]))
        for number in range(replicas):
            deeds += [Deed(at, "down", number), Deed(back_at, "up", number)]
    return Case(
        {task_id(n): models[n % len(models)] for n in range(count)},
        0,
        tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        replace(
            weather,
            jumps=tuple(draw(st.lists(JUMPS, max_size=1))),
            slow_until_s=SLOW_UNTIL_S if weather.is_slow else float("inf"),
        ),
        replicas,
        projects,
        poll_settled_s=draw(SETTLED_S),
        sort="cutover",
    )


@st.composite
def stall_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which what justifies an order goes while its connection is being made."""
    connect_s = draw(st.sampled_from([3.0, 5.0, 12.0]))
    count, projects = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2]))
    deeds: list[Deed] = []
    fleet = {}
    for n in range(count):
        at, conditional = draw(TIMES), draw(st.booleans())
        after_s = draw(st.sampled_from([0.5, 1.0, 2.0, 3.0, 4.0, 5.0]))
        if conditional:
            fleet[task_id(n)] = Migration("INCRMIGEATING", lag=draw(CALM))
            deeds += draw(let_down(n, at, READY_S + after_s))
        else:
            fleet[task_id(n)] = draw(MIGRATIONS)
            deeds.append(Deed(at, "stop", n))
            deeds += draw(taken_back(n, n % projects, at + after_s))
    return Case(
        fleet,
        0,
        tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        Weather(connects_s=(connect_s,)),
        projects=projects,
        sort="stall",
    )


@st.composite
def streak_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which one sample speaks against a stop that would be requested otherwise."""
    count = draw(st.integers(1, 3))
    deeds: list[Deed] = []
    faults: list[CloudFault] = []
    fleet = {}
    for n in range(count):
        at = draw(st.integers(0, 80)) / 4
        stable_s = draw(st.sampled_from([10.0, 10.0, 20.0, 30.0]))
        deeds.append(Deed(at, "cut over", n, Cutover(TermsSaid(stable_for_s=stable_s))))
        then = at + draw(st.sampled_from([2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 11.0, 13.0, 17.0]))
        lag = draw(CALM)
        match draw(st.sampled_from(["form", "form", "sync", "sync", "writers", "fails"])):
            case "form":
                form = draw(st.sampled_from(sorted(SPOILT)))
                lag = Replication(form=form, hiccups=True, hiccup_at_s=then)
            case "sync":
                full_s = draw(st.sampled_from([2.0, 4.0, 6.0, 12.0]))
                lag = Replication(breaks_at=then, full_s_again=full_s)
            case "writers":
                deeds += [Deed(then, "writers: on", n), Deed(then + 3.0, "writers: off", n)]
            case _:
                kind = draw(st.sampled_from(["500", "503", "not found", "forbidden"]))
                faults.append(CloudFault(then, 4.0, "stats", kind, "before"))
        fleet[task_id(n)] = Migration("INCRMIGEATING", lag=lag)
    deeds.sort(key=lambda deed: deed.at_s)
    return Case(fleet, 0, tuple(deeds), Weather(cloud_faults=tuple(faults)), sort="streak")


READY_S: Final = 10.0
"""So long after its opening a target that has caught up is about to be stopped."""


@st.composite
def taken_back(draw: st.DrawFn, number: int, project: int, at: float) -> list[Deed]:
    """Draw what takes an order back that is about to leave."""
    match draw(st.sampled_from(["delete", "delete", "suspend", "end"])):
        case "delete":
            return [Deed(at, "delete", number)]
        case "suspend":
            brake = Deed(at, "project: suspend", project)
            return [brake, Deed(at + 45.0, "project: right", project)]
        case _:
            return [Deed(at, "end", 0)]


@st.composite
def let_down(draw: st.DrawFn, number: int, at: float, after_s: float) -> list[Deed]:
    """Draw a conditional wish that is ready, and what speaks against its order by then."""
    waved = draw(st.booleans())
    wish, go, then = Cutover(), WaveSpec(goes=True), at + after_s
    if waved:
        wish = Cutover(wave=wave_ref(number).name)
        deeds = [Deed(at, "wave: put", number, go), Deed(at, "cut over", number, wish)]
        what = draw(st.sampled_from(["hold", "hold", "gone", "over"]))
        bounded = WaveSpec(goes=True, window=window(None, float(int(then))))
        deeds += {
            "hold": [Deed(then, "wave: put", number, WaveSpec())],
            "gone": [Deed(then, "wave: delete", number)],
            "over": [Deed(at + 1.0, "wave: put", number, bounded)],
        }[what]
        return deeds
    deeds = [Deed(at, "cut over", number, wish)]
    match draw(st.sampled_from(["over", "suspend", "never", "delete", "writers", "breaks"])):
        case "over":
            until = window(None, float(int(then)))
            return [Deed(at, "cut over", number, Cutover(window=until))]
        case "suspend":
            brakes = [Deed(then, "project: suspend", p) for p in (0, 1)]
            return [*deeds, *brakes, *(Deed(then + 45.0, "project: right", p) for p in (0, 1))]
        case "never":
            return [*deeds, Deed(then, "cut over: never", number)]
        case "delete":
            return [*deeds, Deed(then, "delete", number)]
        case "breaks":
            return [*deeds, Deed(then, "sync: breaks", number)]
        case _:
            return [*deeds, Deed(then, "writers: on", number)]


@st.composite
def busy_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which whole requests fail for a while, and much later all is wished anew."""
    count = draw(st.sampled_from([30, 60]))
    healthy = Migration(stop_s=1.0, lag_s=draw(st.sampled_from([0.0, 8.0])))
    fleet = {task_id(n): healthy for n in range(count)}
    until_s = draw(st.sampled_from([10.0, 20.0, 30.0]))
    weather = Weather()
    if draw(st.booleans()):
        fault = CloudFault(0.0, until_s, "batch_stop", "busy", "before")
        weather = Weather(cloud_faults=(fault,))
    else:
        spoils = draw(st.sampled_from(["refused", "refused", "busy", "500"]))
        spoiling = replace(healthy, spoils=spoils, until_s=until_s)
        fleet |= {task_id(n): spoiling for n in range(0, count, draw(st.sampled_from([2, 3])))}
    at = draw(st.sampled_from([0.0, 1.0]))
    deeds = [Deed(at, "stop", n) for n in range(count)]
    again_at = draw(st.sampled_from([200.0, 400.0]))
    deeds += [Deed(again_at, "console: start", n) for n in range(count)]
    deeds.sort(key=lambda deed: deed.at_s)
    return Case(fleet, 0, tuple(deeds), weather, poll_settled_s=60.0, sort="busy")


@st.composite
def spoilt_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which each request fails that names a certain id, for as long as it likes."""
    count = draw(st.sampled_from([3, 13, 50, 60]))
    spoils = draw(st.sampled_from(["500", "503", "500", "503", "refused", "busy", HANGS]))
    healthy = Migration(stop_s=1.0, listed=draw(st.booleans()))
    fleet = {task_id(n): healthy for n in range(count)}
    numbers = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=2))
    fleet |= {task_id(n): replace(healthy, spoils=spoils) for n in numbers}
    deeds = tuple(Deed(1.0, "stop", n) for n in range(count))
    return Case(fleet, 0, deeds, Weather(), sort="spoilt")


@st.composite
def again_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which a stop has no effect, and what it takes to request it again fails."""
    count = draw(st.integers(1, 2))
    at = draw(st.sampled_from([0.0, 1.0]))
    kind = draw(st.sampled_from(["forbidden", "forbidden", "not found", "503"]))
    operation = draw(st.sampled_from(["batch_stop", "show"]))
    lasts_s = draw(st.sampled_from([200.0, 700.0, 1000.0]))
    fault = CloudFault(at + 15.0, lasts_s, operation, kind, "before")
    one = Migration(ignores=1, listed=draw(st.booleans()))
    deeds = tuple(Deed(at, "stop", n) for n in range(count))
    fleet = {task_id(n): one for n in range(count)}
    return Case(fleet, 0, deeds, Weather(cloud_faults=(fault,)), sort="again")


@st.composite
def moved_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which a wrong project id is corrected, whatever was found and done there.

    In half of them an order is about to leave at that moment, and what leads to the other project
    is not known at once.
    """
    count = draw(st.integers(1, 3))
    right_at = draw(st.sampled_from([3.0, 4.0, 8.0, 30.0, 90.0, 400.0]))
    late = draw(st.booleans())
    wish_at = right_at - draw(st.sampled_from([1.0, 2.0])) if late else 0.0
    deeds = [Deed(0.0, "project: wrong", 0), *(Deed(wish_at, "stop", n) for n in range(count))]
    deeds.append(Deed(right_at, "project: right", 0))
    if draw(st.booleans()):
        wrong_at = right_at + draw(st.sampled_from([1.0, 3.0, 20.0]))
        deeds += [Deed(wrong_at, "project: wrong", 0), Deed(wrong_at + 30.0, "project: right", 0)]
    one = Migration(stop_s=3.0, lag_s=draw(st.sampled_from([0.0, 8.0])))
    hangs = ApiFault(right_at - 0.25, 20.0, API_HANGS, "before", "secret")
    return Case(
        {task_id(n): one for n in range(count)},
        0,
        tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        Weather(api_faults=(hangs,) if late else (), connects_s=(3.0 if late else 0.0,)),
        decoys=late or draw(st.booleans()),
        sort="moved",
    )


@st.composite
def unshown_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which an id cannot be shown, among others that no list mentions either."""
    count = draw(st.integers(2, 8))
    fleet = {task_id(n): Migration(listed=False, stop_s=3.0) for n in range(count)}
    odd = draw(st.integers(1, 2))
    for n in range(count, count + odd):
        fleet[task_id(n)] = Migration(listed=False, shows=draw(SHOWN))
    deeds = [Deed(0.0, "stop", n) for n in range(count, count + odd)]
    deeds += [Deed(draw(TIMES), "stop", n) for n in range(count)]
    deeds.sort(key=lambda deed: deed.at_s)
    return Case(fleet, 0, tuple(deeds), Weather(), sort="unshown")


@st.composite
def ends_cases(draw: st.DrawFn) -> Case:
    """Draw a case in which stops fail until their tasks have ended without them."""
    count = draw(st.integers(1, 3))
    kinds = ["forbidden", "forbidden", "throttled", "busy", "not found", "503", "no answer"]
    begins_s = draw(st.sampled_from([0.0, 20.0]))
    fault = CloudFault(begins_s, 40.0, "batch_stop", draw(st.sampled_from(kinds)), "before")
    ends = st.sampled_from([3.0, 8.0, 15.0, 25.0])
    deeds = []
    for n in range(count):
        at = begins_s + draw(st.sampled_from([1.0, 2.0]))
        deeds += [Deed(at, "stop", n), Deed(at + draw(ends), "console: stop", n)]
    deeds.sort(key=lambda deed: deed.at_s)
    fleet = {task_id(n): Migration(listed=draw(st.booleans())) for n in range(count)}
    return Case(fleet, 0, tuple(deeds), Weather(cloud_faults=(fault,)), sort="ends")


@st.composite
def crowd_cases(draw: st.DrawFn) -> Case:
    """Draw a case of many projects with one key, and a moment in which DCS throttles it."""
    projects = draw(st.sampled_from([60, 100]))
    begins_s, lasts_s = (
        draw(st.sampled_from([1.0, 2.0, 3.0, 5.0])),
        draw(st.sampled_from([1.0, 2.0])),
    )
    throttled = CloudFault(begins_s, lasts_s, "any", "throttled", "before")
    weather = Weather(
        cloud_faults=(throttled,), answers_s=(draw(st.sampled_from([0.05, 0.5, 1.0, 1.0])),)
    )
    deeds = [Deed(draw(st.sampled_from([0.0, 1.0])), "stop", n) for n in range(projects)]
    deeds.sort(key=lambda deed: deed.at_s)
    return Case(
        {task_id(n): Migration(stop_s=1.0) for n in range(projects)},
        0,
        tuple(deeds),
        weather,
        projects=projects,
        sort="crowd",
    )


@st.composite
def keys_cases(draw: st.DrawFn) -> Case:
    """Draw a case of one access key that is wrong everywhere, guessed at, or dies."""
    projects = draw(st.sampled_from([2, 12, 12, 30]))
    step_s = draw(st.sampled_from([3.0, 12.0, 30.0]))
    deeds = [Deed(float(n % 3), "stop", n) for n in range(projects)]
    match draw(st.sampled_from(["wrong", "guessed", "applied again", "dies"])):
        case "wrong":
            deeds += [Deed(0.0, "secret: guess", n) for n in range(projects)]
        case "guessed":
            deeds += [Deed(k * step_s, f"secret: guess {k}", 0) for k in range(8)]
        case "applied again":
            deeds.append(Deed(0.0, "secret: guess", 0))
            for k in range(1, 6):
                deeds.append(Deed(k * step_s, "project: delete", 0))
                deeds.append(Deed(k * step_s + 1.0, "project: right", 0))
        case _:
            at = draw(st.sampled_from([1.0, 2.0, 3.0, 4.0, 8.0]))
            deeds.append(Deed(at, "key: dies", 0))
    healthy = Migration(stop_s=draw(st.sampled_from([3.0, 30.0])))
    return Case(
        {task_id(n): healthy for n in range(projects)},
        0,
        tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        Weather(answers_s=(draw(st.sampled_from([0.05, 0.5, 1.0])),)),
        projects=projects,
        refusal_s=draw(st.sampled_from([0.05, 0.3, 3.0])),
        sort="keys",
    )


SPECIAL: Final[dict[str, Callable[[], st.SearchStrategy[Case]]]] = {
    "cutover": cutover_cases,
    "stall": stall_cases,
    "streak": streak_cases,
    "busy": busy_cases,
    "spoilt": spoilt_cases,
    "unshown": unshown_cases,
    "again": again_cases,
    "moved": moved_cases,
    "ends": ends_cases,
    "crowd": crowd_cases,
    "keys": keys_cases,
}
"""Sorts that are drawn in a way of their own."""


@st.composite
def users(draw: st.DrawFn, count: int, unknown: int) -> list[Deed]:
    """Draw who wishes what when; of a large fleet most is wished at once."""
    deeds = [
        Deed(draw(TIMES) if count <= 8 else 0.0, draw(st.sampled_from(["stop", "observe"])), n)
        for n in range(min(count, 8) + min(unknown, 1))
    ]
    deeds += [Deed(1.0, "stop", n) for n in range(8, count)]
    deeds += [Deed(1.0, "stop", n) for n in range(count, count + unknown)]
    numbers = st.integers(0, count - 1)
    deeds += draw(
        st.lists(st.builds(Deed, TIMES, st.sampled_from(["stop", "delete"]), numbers), max_size=4)
    )
    if draw(st.sampled_from([False, False, False, True])):  # deleted and applied again
        number, at = draw(numbers), draw(TIMES)
        deeds += [Deed(at + 1.5, "delete", number), Deed(at + 1.75, "stop", number)]
        deeds.append(Deed(at, "stop", number))
    namesakes = numbers.map(lambda number: number + NAMESAKES)
    deeds += draw(st.lists(st.builds(Deed, TIMES, st.just("stop"), namesakes), max_size=2))
    return deeds


@st.composite
def console(draw: st.DrawFn, count: int) -> list[Deed]:
    """Draw what people do at the console, and strangers to statuses."""
    numbers = st.integers(0, min(count, 8) - 1)
    console = st.sampled_from(CONSOLE).map(lambda what: f"console: {what}")
    forge = st.sampled_from(sorted(FORGERIES)).map(lambda what: f"forge: {what}")
    late = TIMES.map(lambda at: 3.0 * at)
    ends: list[Deed] = []
    if draw(st.sampled_from([False, False, False, True])):  # somebody ends them all
        at = draw(TIMES)
        ends = [Deed(at, "console: stop", n) for n in range(count)]
    return [
        *ends,
        *draw(st.lists(st.builds(Deed, late, console, numbers), max_size=4)),
        *draw(st.lists(st.builds(Deed, TIMES, forge, numbers), max_size=2)),
    ]


@st.composite
def tenants(draw: st.DrawFn, projects: int, keys: int) -> list[Deed]:
    """Draw what happens to projects, their Secrets and their keys."""
    numbers = st.integers(0, projects - 1)
    project = st.sampled_from(PROJECTS).map(lambda what: f"project: {what}")
    secret = st.sampled_from(SECRETS).map(lambda what: f"secret: {what}")
    deeds = draw(st.lists(st.builds(Deed, TIMES, project, numbers), max_size=4))
    deeds += draw(st.lists(st.builds(Deed, TIMES, secret, numbers), max_size=8))
    if draw(st.booleans()):  # everybody has the same wrong key from the beginning
        deeds += [Deed(0.0, "secret: guess", n) for n in range(projects)]
    key = st.builds(Deed, TIMES, st.just("key: dies"), st.integers(0, keys - 1))
    deeds += draw(st.lists(key, max_size=1))
    return deeds
