"""The operator's own credentials on virtual time: when new ones are made, what a failure costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.admission import AllowedNamespaces
from dcs_migration_operator.core.errors import AuthFailed, ReadError
from dcs_migration_operator.core.model import Ambient, Credentials, ErrorDetail, ExpiringCredentials
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.dcs.threads import in_thread
from dcs_migration_operator.engine.ambient import AmbientCredentials
from simulation.cloud import Migration, task_id
from simulation.rig import KEYS, Rig
from simulation.virtual import clock

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

FIRST, SECOND = Credentials("AK-1", "SK-1", "T-1"), Credentials("AK-2", "SK-2", "T-2")
AWAY = ReadError("STS cannot be reached.", passing=True)
TEAM_A = AllowedNamespaces(names=("team-a",))


class Bank:
    """Lends what it was told to, after a while, and remembers when it was asked."""

    def __init__(self, *answers: ExpiringCredentials | Exception, takes_s: float = 0.5) -> None:
        self.answers, self.takes_s = list(answers), takes_s
        self.asked: list[float] = []
        self.at_once = self.at_once_max = 0
        self.keys = AmbientCredentials(self.lend, clock)

    async def lend(self, _: Ambient) -> ExpiringCredentials:
        """Answer with the next answer; the last one stays."""
        self.asked.append(clock().mono)
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        await asyncio.sleep(self.takes_s)
        self.at_once -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def read_all(self, seconds: float) -> list[str]:
        """Ask every 20 s, as a project does; returns the access keys or what is wrong."""
        heard = []
        until = clock().mono + seconds
        while clock().mono < until:
            try:
                heard.append((await self.keys.read(Ambient.OIDC)).access_key)
            except ReadError as problem:
                heard.append(str(problem))
            await asyncio.sleep(20.0)
        return heard


async def test_six_at_once_make_one_call() -> None:
    """All get the same set."""
    bank = Bank(ExpiringCredentials(FIRST, 3600.0))
    found = await asyncio.gather(*(bank.keys.read(Ambient.OIDC) for _ in range(6)))
    assert (set(found), len(bank.asked)) == ({FIRST}, 1)


async def test_they_are_made_anew_ten_minutes_before_their_end() -> None:
    """An hour's session is renewed after 50 minutes, and swapped as a whole."""
    bank = Bank(ExpiringCredentials(FIRST, 3600.0), ExpiringCredentials(SECOND, 3600.0))
    heard = await bank.read_all(3600.0)
    assert len(bank.asked) == 2
    assert bank.asked[1] == pytest.approx(3000.0, abs=25.0)
    assert heard == sorted(heard)
    assert set(heard) == {"AK-1", "AK-2"}


async def test_short_sessions_are_used_for_two_thirds() -> None:
    """Fifteen minutes, the least that STS gives, cost six calls an hour."""
    bank = Bank(ExpiringCredentials(FIRST, 900.0))
    await bank.read_all(3590.0)
    assert len(bank.asked) == 6


@pytest.mark.parametrize("lasts_s", [1.0, 20.0, 45.0])
async def test_a_provider_that_hands_out_stale_sets_is_not_stormed(lasts_s: float) -> None:
    """However short they hold, it is asked twice a minute at most."""
    bank = Bank(ExpiringCredentials(FIRST, lasts_s))
    await bank.read_all(600.0)
    assert all(b - a >= 30.0 for a, b in pairwise(bank.asked))


async def test_a_failure_keeps_what_holds() -> None:
    """Until its end, and not a second longer."""
    bank = Bank(ExpiringCredentials(FIRST, 3600.0), AWAY)
    heard = await bank.read_all(4000.0)
    good = heard.count("AK-1")
    assert heard[:good] == ["AK-1"] * good
    assert good == pytest.approx(180, abs=2)
    assert set(heard[good:]) == {str(AWAY)}


async def test_pauses_after_failures_grow() -> None:
    """5 s, doubled up to 5 minutes, at the pace of those who ask: no storm on a bad day."""
    bank = Bank(AWAY)
    await bank.read_all(3600.0)
    gaps = [b - a for a, b in pairwise(bank.asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(300.0, abs=25.0)
    assert len(bank.asked) < 20


async def test_an_error_of_our_own_is_paused_like_any_other() -> None:
    """Its text is not shown, for nobody knows what it holds; and it recovers like any other."""
    bank = Bank(KeyError("SK-1"), KeyError("SK-1"), ExpiringCredentials(FIRST, 3600.0))
    heard = await bank.read_all(200.0)
    assert heard[0] == "The ambient credentials OIDC cannot be had (KeyError)."
    assert (heard[-1], len(bank.asked)) == ("AK-1", 3)


async def test_pauses_after_errors_of_our_own_grow() -> None:
    """Hundreds of projects that ask make no storm."""
    bank = Bank(KeyError("our own"))
    await bank.read_all(3600.0)
    assert len(bank.asked) < 20


async def test_it_recovers_with_the_first_answer() -> None:
    """And the row of failures is forgotten."""
    bank = Bank(AWAY, AWAY, ExpiringCredentials(FIRST, 3600.0))
    heard = await bank.read_all(200.0)
    assert heard[-1] == "AK-1"
    assert len(bank.asked) == 3


async def test_a_provider_that_hangs_is_waited_for_only_so_long() -> None:
    """Whoever asks learns so after 15 s; the one attempt goes on and its answer is used."""
    bank = Bank(ExpiringCredentials(FIRST, 3600.0), takes_s=40.0)
    with pytest.raises(ReadError, match="no answer in time") as problem:
        await bank.keys.read(Ambient.OIDC)
    assert (problem.value.passing, clock().mono) == (True, 15.0)
    heard = await bank.read_all(60.0)
    assert (heard[-1], bank.at_once_max, len(bank.asked)) == ("AK-1", 1, 1)


async def test_credentials_without_an_end_are_looked_at_again_twice_a_minute() -> None:
    """Those of the environment cost nothing."""
    bank = Bank(ExpiringCredentials(FIRST, None))
    heard = await bank.read_all(300.0)
    assert set(heard) == {"AK-1"}
    assert len(bank.asked) == 8


async def test_providers_do_not_wait_for_each_other() -> None:
    """Each has its own set and its own pause."""
    bank = Bank(AWAY, ExpiringCredentials(SECOND, None))
    with pytest.raises(ReadError):
        await bank.keys.read(Ambient.OIDC)
    assert await bank.keys.read(Ambient.ENVIRONMENT) == SECOND


async def test_closing_waits_for_nobody() -> None:
    """The attempt under way is given up."""
    bank = Bank(ExpiringCredentials(FIRST, None), takes_s=1000.0)
    asker = asyncio.create_task(bank.keys.read(Ambient.OIDC))
    await asyncio.sleep(1.0)
    await bank.keys.close()
    with pytest.raises(ReadError):
        await asker
    assert clock().mono == 1.0


class TestInTheEngine:
    """A project that uses the operator's own identity."""

    async def test_it_stops_without_any_secret(self) -> None:
        """No Secret is read; the account has the credentials that were lent."""
        async with Rig({task_id(0): Migration()}) as rig:
            rig.lent = ExpiringCredentials(FIRST, 3600.0)
            rig.put_cluster_project(TEAM_A, ambient=Ambient.OIDC)
            uid = rig.add_task(0, shared="shared")
            rig.engine.activate()
            await asyncio.sleep(10.0)
            assert rig.reason(uid) == "Terminated"
            assert (rig.reads, rig.loans) == ([], [Ambient.OIDC])

    async def test_new_credentials_are_used_from_then_on(self) -> None:
        """The old set is refused by DCS after its end, which nobody notices."""
        used: list[object] = []

        def note(account: object, *_: object) -> None:
            used.append(getattr(account, "credentials", None))
            if clock().mono > 3600.0 and used[-1] == FIRST:
                raise AuthFailed(ErrorDetail("APIGW.0301", "token expired"))

        async with Rig({task_id(0): Migration()}) as rig:
            rig.interfere, rig.lent = note, ExpiringCredentials(FIRST, 3600.0)
            rig.put_cluster_project(TEAM_A, ambient=Ambient.POD_IDENTITY)
            uid = rig.add_task(0, shared="shared", stopped=False)
            rig.engine.activate()
            await asyncio.sleep(100.0)
            rig.lent = ExpiringCredentials(SECOND, 3600.0)
            await asyncio.sleep(4000.0)
            assert used[-1] == SECOND
            assert [status.phase for status in rig.api.objects[uid].history] == ["MIGRATING"]

    async def test_credentials_that_dcs_refuses_are_replaced_before_their_end(self) -> None:
        """Somebody revoked them: the next set is made at once, and no third for 330 s."""
        revoked: set[object] = set()

        def refuse(account: object, *_: object) -> None:
            if getattr(account, "credentials", None) in revoked:
                raise AuthFailed(ErrorDetail("APIGW.0301", "revoked"))

        async with Rig({task_id(0): Migration(stop_s=10_000.0)}) as rig:
            rig.interfere, rig.lent = refuse, ExpiringCredentials(FIRST, 36_000.0)
            rig.put_cluster_project(TEAM_A, ambient=Ambient.OIDC)
            uid = rig.add_task(0, shared="shared")
            rig.engine.activate()
            await asyncio.sleep(400.0)
            assert (rig.reason(uid), len(rig.loans)) == ("Stopping", 1)
            revoked.add(FIRST)
            rig.lent = ExpiringCredentials(SECOND, 36_000.0)
            await asyncio.sleep(60.0)
            assert (rig.reason(uid), len(rig.loans)) == ("Stopping", 2)
            revoked.add(SECOND)
            await asyncio.sleep(200.0)
            assert (rig.reason(uid), len(rig.loans)) == ("CredentialsInvalid", 2)
            await asyncio.sleep(200.0)
            assert len(rig.loans) == 3

    @pytest.mark.parametrize(
        "problem, reason, standing",
        [
            pytest.param(AWAY, "CloudUnavailable", "Reconciling", id="passing"),
            pytest.param(ReadError("Not set."), "ProjectNotReady", "Stalled", id="for a person"),
        ],
    )
    async def test_a_problem_is_a_reason_and_heals(
        self, problem: ReadError, reason: str, standing: str
    ) -> None:
        """On the task and on the project, in the problem's own words."""
        async with Rig({task_id(0): Migration()}) as rig:
            rig.lent = problem
            rig.put_cluster_project(TEAM_A, ambient=Ambient.OIDC)
            uid = rig.add_task(0, shared="shared")
            rig.engine.activate()
            await asyncio.sleep(10.0)
            status = rig.api.objects[uid].status
            assert (rig.reason(uid), status.phase) == (reason, "PENDING")
            assert [c.message for c in status.conditions if c.type == standing] == [str(problem)]
            assert rig.api.project_statuses[-1].conditions[0].reason == reason
            rig.lent = ExpiringCredentials(KEYS, None)
            await asyncio.sleep(60.0)
            assert rig.reason(uid) == "Terminated"

    async def test_a_namespaced_project_never_gets_it(self) -> None:
        """Should a project that claims it come from somewhere, it has no credentials."""
        async with Rig({task_id(0): Migration()}) as rig:
            ref = rig.put_cluster_project(TEAM_A, ambient=Ambient.ENVIRONMENT)
            known = rig.engine.store.project(ref)
            assert known
            shared = known.project
            assert shared
            namespaced = replace(shared.ref, kind="DCSProject", namespace="team-a", name="default")
            rig.engine.intake.deleted(shared.object.uid)
            rig.engine.intake.project_changed(replace(shared, ref=namespaced), Status(), 1)
            uid = rig.add_task(0)
            rig.engine.activate()
            await asyncio.sleep(10.0)
            assert (rig.reason(uid), rig.loans) == ("ProjectNotReady", [])


@pytest.mark.looptime(False)  # noqa: FBT003 - the plugin's own form
@pytest.mark.parametrize(
    "function, outcome",
    [
        pytest.param(lambda: 7, "7", id="a result"),
        pytest.param(lambda: int("x"), "ValueError", id="an error"),
    ],
)
async def test_a_thread_gives_its_outcome_to_the_caller(
    function: Callable[[], object], outcome: str
) -> None:
    """A result is returned and an error raised, as if nothing lay between."""
    try:
        found = str(await in_thread(function))
    except ValueError as error:
        found = type(error).__name__
    assert found == outcome
