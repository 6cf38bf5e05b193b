"""Hold and Go, the only two changes that the board makes, each after a check of the right."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from kubectl_dcs import owners
from kubectl_dcs.kinds import WAVE
from kubectl_dcs.problems import Problem
from kubectl_dcs.waves import wave_view
from kubectl_dcs.wishes import patch_for_git

if TYPE_CHECKING:
    from kubectl_dcs.board.access import BoardCluster

STATES: Final = frozenset({"Hold", "Go"})


class Refused(Problem):
    """The change was not made; the text says why, `code` is the HTTP status of the answer."""

    def __init__(self, text: str, code: HTTPStatus = HTTPStatus.CONFLICT, git: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.git = git


@dataclass(frozen=True, slots=True)
class Wanted:
    """The change that the user confirmed.

    Attributes:
        uid: The uid of the wave on the screen; another wave of the same name is not changed.
        state: `Hold` or `Go`.
        was: The state shown on the screen.
    """

    namespace: str
    name: str
    uid: str
    state: str
    was: str


def may_change(cluster: BoardCluster, namespace: str, name: str) -> None:
    """Ask the API server whether this user may change a wave.

    Raises:
        Refused: The user may not.
    """
    allowed, why = cluster.may("patch", WAVE, namespace, name)
    if not allowed:
        because = f": {why}" if why else ""
        raise Refused(
            f"you may not patch migrationwaves/{name} in namespace {namespace}{because}",
            HTTPStatus.FORBIDDEN,
        )


def change(cluster: BoardCluster, wanted: Wanted) -> None:
    """Set the state of a wave, if it is still the one, in the state, shown on the screen.

    Raises:
        Refused: The wave was not changed.
        Problem: The API server refused, or cannot be reached.
    """
    if wanted.state not in STATES:
        raise Refused("a wave can be at Hold or at Go", HTTPStatus.BAD_REQUEST)
    may_change(cluster, wanted.namespace, wanted.name)
    wave = wave_view(cluster.get(WAVE, wanted.namespace, wanted.name))
    if wave.uid != wanted.uid or wave.state != wanted.was:
        raise Refused(f"wave {wanted.name} has changed since then: check it again, then decide")
    spec = {"state": wanted.state}
    if owner := owners.owner_of(wave.body):
        raise Refused(
            f"{owner} manages wave {wanted.name} and would undo the change, so make it in git",
            git=patch_for_git(WAVE, wave.namespace, wave.name, spec),
        )
    metadata = {"name": wave.name, "namespace": wave.namespace, "uid": wave.uid}
    body = {"metadata": metadata, "spec": spec}
    cluster.apply(WAVE, wave.namespace, wave.name, body, dry_run=False)
