"""`kubectl dcs hold` and `kubectl dcs go`: set the state of a wave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from kubectl_dcs import kinds, options, owners, say, versions
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import DONE, PERSON_NEEDED, Problem
from kubectl_dcs.selection import wave_of
from kubectl_dcs.shapes import wave_json
from kubectl_dcs.waves import wave_view
from kubectl_dcs.wishes import patch_for_git

if TYPE_CHECKING:
    from kubectl_dcs.waves import WaveView
    from kubectl_dcs.where import Where

HOLD: Final = "Hold"
GO: Final = "Go"

force_option = click.option(
    "--force", is_flag=True, help="Even if Flux or Argo CD manages the wave."
)


@click.command()
@options.wave_name
@options.cluster
@force_option
@options.as_json
def hold(where: Where, wave: str, *, force: bool, form: str | None) -> int:
    """Set a wave to Hold: no further order is sent; orders already sent are carried out."""
    return _set(where, wave, HOLD, force=force, form=form)


@click.command()
@options.wave_name
@options.cluster
@force_option
@options.as_json
def go(where: Where, wave: str, *, force: bool, form: str | None) -> int:
    """Set a wave to Go: each of its tasks is stopped once its target has caught up.

    Stop writing to the sources first: while writers are active, a lag of 0 proves nothing.
    """
    return _set(where, wave, GO, force=force, form=form)


def _set(where: Where, name: str, state: str, *, force: bool, form: str | None) -> int:
    cluster = connect(where)
    wave = wave_of(cluster, name)
    versions.check(cluster)
    if state == wave.state == GO and wave.stalled and wave.ready.reason == "PausedByFailures":
        raise Problem(
            f"wave {name} is at Go, but failures have paused it: see `kubectl dcs status --wave"
            f" {name}`, then `kubectl dcs hold {name}` and `kubectl dcs go {name}`"
        )
    spec = {"state": state}
    owner = "" if force or wave.state == state else owners.owner_of(wave.body)
    if owner:
        say.note(
            f"Wave {name} was not changed: {owner} would undo the change, so make it in git"
            " (--force writes it anyway):"
        )
        say.result(patch_for_git(kinds.WAVE, wave.namespace, name, spec))
        return PERSON_NEEDED
    if wave.state != state:
        metadata = {"name": name, "namespace": wave.namespace, "uid": wave.uid}
        body = {"metadata": metadata, "spec": spec}
        wave = wave_view(cluster.apply(kinds.WAVE, wave.namespace, name, body, dry_run=False))
        words = f"Wave {name} is at {state}"
    else:
        words = f"Wave {name} was already at {state}"
    if form:
        say.document(wave_json(wave))
    else:
        say.result(f"{words}{_counts(wave)}.")
    return DONE


def _counts(wave: WaveView) -> str:
    """Return the operator's latest counts, in words."""
    words: tuple[tuple[str, str], ...] = (
        ("total", "tasks"),
        ("caughtUp", "caught up"),
        ("stopped", "stopped"),
        ("trouble", "in trouble"),
    )
    said = [f"{wave.counts[name]:,} {word}" for name, word in words if name in wave.counts]
    return f": {', '.join(said)}" if said else ""
