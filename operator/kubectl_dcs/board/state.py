"""Everything that the board knows: consumes news, returns snapshots and changes. Pure.

It is the same for live boards and replays; only the source of the news and the clock differ.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs.board.entries import (
    key_of,
    project_entry,
    state_key,
    task_details,
    task_entry,
    wave_entry,
)
from kubectl_dcs.board.history import Lags, Night
from kubectl_dcs.following import What
from kubectl_dcs.kinds import PROJECT, TASK, WAVE
from kubectl_dcs.tasks import State as TaskState
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubectl_dcs.following import News
    from kubectl_dcs.kinds import Kind
    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.waves import WaveView

STATES: Final = tuple(state_key(state) for state in TaskState)
"""The states, in the order in which counts are sent."""

KINDS: Final = (TASK, WAVE, PROJECT)

LISTING: Final = "listing"
LIVE: Final = "live"
LOST: Final = "lost"
REFUSED: Final = "refused"


@dataclass(slots=True)
class Link:
    """The health of the watch of one kind.

    Attributes:
        word: One of `LISTING`, `LIVE`, `LOST`, `REFUSED`.
        since_s: If it is lost or refused, the last time at which the data was known to be current;
            seconds since 1970.
        code: HTTP status of the refusal; 0 if there was none.
        why: The message of the API server, or of the connection.
    """

    word: str = LISTING
    since_s: float = 0.0
    code: int = 0
    why: str = ""

    def entry(self) -> dict[str, Any]:
        """Return it as sent to the page."""
        return {"word": self.word, "since": self.since_s, "code": self.code, "why": self.why}


@dataclass(slots=True)
class _Dirty:
    """What changed since the last message, by key; None for deleted objects."""

    objects: dict[str, dict[str, dict[str, Any] | None]] = field(
        default_factory=lambda: {kind.plural: {} for kind in KINDS}
    )
    links: bool = False
    night: bool = False


class State:
    """The known state."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskView] = {}
        self.waves: dict[str, WaveView] = {}
        self.projects: dict[str, Mapping[str, Any]] = {}
        self.links = {kind.plural: Link() for kind in KINDS}
        self.namespace = ""
        self.recording = ""
        self.lags = Lags()
        self.night = Night()
        self._dirty = _Dirty()

    def hear(self, news: News, now_s: float, contact_s: float | None = None) -> None:
        """Process one piece of news.

        Args:
            news: The news.
            now_s: The time of the news, in seconds since 1970.
            contact_s: The last contact with the API server, if the news is that it was lost.
        """
        kind = news.kind
        match news.what:
            case What.LISTED:
                self._listed(kind, news.bodies)
                self._link(kind, LIVE)
            case What.CHANGED:
                for body in news.bodies:
                    self._put(kind, body)
            case What.DELETED:
                for body in news.bodies:
                    self._drop(kind, _key(body))
            case What.LOST | What.ENDED:
                word = LOST if news.what is What.LOST else REFUSED
                self._link(kind, word, now_s if contact_s is None else contact_s, news)
            case What.BACK:
                self._link(kind, LIVE)

    def namespace_is(self, word: str) -> None:
        """Process the state of the namespace: empty for normal, `missing` or `terminating`."""
        if word != self.namespace:
            self.namespace = word
            self._dirty.links = True

    def recording_is(self, trouble: str) -> None:
        """Process why nothing is being recorded; empty if it is, or was not requested."""
        if trouble != self.recording:
            self.recording = trouble
            self._dirty.links = True

    def _link(self, kind: Kind, word: str, since_s: float = 0.0, news: News | None = None) -> None:
        problem = news.problem if news else None
        code = getattr(problem, "code", 0)
        self.links[kind.plural] = Link(word, since_s, code, str(problem or ""))
        self._dirty.links = True

    def _listed(self, kind: Kind, bodies: Iterable[Mapping[str, Any]]) -> None:
        there = set()
        for body in bodies:
            there.add(self._put(kind, body))
        known = self._objects(kind)
        for key in [key for key in known if key not in there]:
            self._drop(kind, key)

    def _objects(self, kind: Kind) -> dict[str, Any]:
        found: Mapping[Kind, dict[str, Any]] = {
            TASK: self.tasks,
            WAVE: self.waves,
            PROJECT: self.projects,
        }
        return found[kind]

    def _put(self, kind: Kind, body: Mapping[str, Any]) -> str:
        key = _key(body)
        if kind == TASK:
            task = self.tasks[key] = task_view(body)
            entry = task_entry(task)
            self.lags.note(key, entry["lagAt"], entry["lag"])
        elif kind == WAVE:
            wave = self.waves[key] = wave_view(body)
            entry = wave_entry(wave)
        else:
            self.projects[key] = body
            entry = project_entry(body)
        self._dirty.objects[kind.plural][key] = entry
        return key

    def _drop(self, kind: Kind, key: str) -> None:
        if self._objects(kind).pop(key, None) is not None:
            self._dirty.objects[kind.plural][key] = None
        if kind == TASK:
            self.lags.forget(key)

    def counts(self) -> tuple[int, ...]:
        """Return how many tasks are in each of `STATES`."""
        found = Counter(task.state for task in self.tasks.values())
        return tuple(found[state] for state in TaskState)

    def note_counts(self, now_s: float) -> None:
        """Add the current counts to the history of the night."""
        if self.links[TASK.plural].word != LISTING and self.night.note(now_s, self.counts()):
            self._dirty.night = True

    @property
    def changed(self) -> bool:
        """Whether anything has changed since changes were last taken."""
        dirty = self._dirty
        return dirty.links or dirty.night or any(dirty.objects.values())

    def take_changes(self) -> dict[str, Any]:
        """Return what changed since the last call, as sent to the page."""
        dirty, self._dirty = self._dirty, _Dirty()
        made: dict[str, Any] = {}
        for plural, objects in dirty.objects.items():
            put = [entry for entry in objects.values() if entry is not None]
            gone = [key for key, entry in objects.items() if entry is None]
            if put:
                made[plural] = put
            if gone:
                made[f"{plural}Gone"] = gone
        if dirty.links:
            made |= self._links_entry()
        if dirty.night and self.night.points:
            made["night"] = self.night.entry()[-1]
        return made

    def snapshot(self, lags: Lags | None = None, until_s: float | None = None) -> dict[str, Any]:
        """Return the complete known state.

        A recording has its own lags; those after `until_s` are not known yet.
        """
        tasks = []
        for key, task in self.tasks.items():
            entry = task_entry(task)
            entry["lags"] = _flat((lags or self.lags).last(key, until_s))
            tasks.append(entry)
        return {
            TASK.plural: tasks,
            WAVE.plural: [wave_entry(wave) for wave in self.waves.values()],
            PROJECT.plural: [project_entry(body) for body in self.projects.values()],
            "nights": self.night.entry(),
            **self._links_entry(),
        }

    def _links_entry(self) -> dict[str, Any]:
        links = {plural: link.entry() for plural, link in self.links.items()}
        return {"links": links, "namespace": self.namespace, "recording": self.recording}

    def details(self, namespace: str, name: str, context_words: str) -> dict[str, Any] | None:
        """Return the details of an opened row; None if the task does not exist."""
        task = self.tasks.get(key_of(namespace, name))
        if task is None:
            return None
        return task_details(task, self.projects.get(key_of(namespace, task.project)), context_words)


def _key(body: Mapping[str, Any]) -> str:
    metadata = body.get("metadata") or {}
    return key_of(str(metadata.get("namespace", "")), str(metadata.get("name", "")))


def _flat(samples: Iterable[tuple[float, int]]) -> list[float]:
    """Return samples as one list of alternating times and lags, half as long as pairs."""
    return [value for sample in samples for value in sample]


def bodies(state: State, kind: Kind) -> list[Mapping[str, Any]]:
    """Return the objects of a kind as the API server sent them."""
    if kind == TASK:
        return [task.body for task in state.tasks.values()]
    if kind == WAVE:
        return [wave.body for wave in state.waves.values()]
    return list(state.projects.values())
