"""Hold and Go: after a review, on the wave that was on the screen, and on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_dcs.board import actions
from kubectl_dcs.board.actions import Refused, Wanted
from kubectl_dcs.board.live import Live, Scope
from unit.plugin import bodies

if TYPE_CHECKING:
    from kubectl_dcs.board.access import BoardCluster
    from unit.board.conftest import Reviews
    from unit.plugin.fake_api import FakeApi


GO = Wanted("shop", "night", "uid-night", "Go", "Hold")
HOLD = Wanted("shop", "night", "uid-night", "Hold", "Go")


@pytest.mark.parametrize("wanted", [GO, HOLD])
def test_a_wave_is_set_after_asking_whether_one_may(
    cluster: BoardCluster, api: FakeApi, reviews: Reviews, wanted: Wanted
) -> None:
    """By one patch of its state alone, bound to its uid."""
    asked = reviews(allowed=True)
    api.put("migrationwaves", bodies.wave(state=wanted.was))
    actions.change(cluster, wanted)
    assert asked == [
        {
            "group": "dcs.huaweicloud.com",
            "resource": "migrationwaves",
            "verb": "patch",
            "namespace": "shop",
            "name": "night",
        }
    ]
    (patch,) = api.patches()
    assert patch.body["spec"] == {"state": wanted.state}
    assert patch.body["metadata"]["uid"] == "uid-night"


def test_who_may_not_is_told_which_right_is_missing(
    cluster: BoardCluster, api: FakeApi, reviews: Reviews
) -> None:
    """And nothing is written."""
    reviews(allowed=False)
    api.put("migrationwaves", bodies.wave())
    words = "you may not patch migrationwaves/night in namespace shop: RBAC says so"
    with pytest.raises(Refused, match=words) as refused:
        actions.change(cluster, GO)
    assert refused.value.code == 403
    assert api.patches() == []


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("shop", "night", "another", "Go", "Hold"),
        Wanted("shop", "night", "uid-night", "Go", "Go"),
    ],
    ids=["made anew", "set by somebody else"],
)
def test_what_has_changed_since_it_was_on_the_screen_is_left_alone(
    cluster: BoardCluster, api: FakeApi, reviews: Reviews, wanted: Wanted
) -> None:
    """What was confirmed was another thing."""
    reviews(allowed=True)
    api.put("migrationwaves", bodies.wave())
    with pytest.raises(Refused, match="has changed since"):
        actions.change(cluster, wanted)
    assert api.patches() == []


def test_a_wave_of_flux_is_left_to_git(
    cluster: BoardCluster, api: FakeApi, reviews: Reviews
) -> None:
    """With the lines that git should have."""
    reviews(allowed=True)
    wave = bodies.wave()
    wave["metadata"]["labels"] = {
        "kustomize.toolkit.fluxcd.io/name": "fleet",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    api.put("migrationwaves", wave)
    with pytest.raises(Refused, match="Flux Kustomization flux-system/fleet") as refused:
        actions.change(cluster, GO)
    assert "state: Go" in refused.value.git
    assert api.patches() == []


@pytest.mark.parametrize("state", ["Stop", "go", "", "Go\n"])
def test_there_is_nothing_but_hold_and_go(cluster: BoardCluster, api: FakeApi, state: str) -> None:
    """Refused before anything is asked."""
    with pytest.raises(Refused, match="at Hold or at Go"):
        actions.change(cluster, Wanted("shop", "night", "uid-night", state, "Hold"))
    assert api.asked == []


async def test_without_the_option_nothing_is_changed() -> None:
    """Whatever a page sends."""
    live = Live(Scope("shop", "", "", ""))
    with pytest.raises(Refused, match="start it with --actions"):
        await live.change(GO)
    with pytest.raises(Refused, match="start it with --actions"):
        await live.may("shop", "night")


async def test_a_board_of_one_namespace_changes_no_other(
    cluster: BoardCluster, api: FakeApi
) -> None:
    """What is not on the screen cannot be confirmed."""
    live = Live(Scope("carts", "", "", ""), cluster)
    with pytest.raises(Refused, match="shows only namespace carts"):
        await live.change(GO)
    assert api.asked == []
