"""From project resources to channels: what makes one usable, and when each is looked at again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    Account,
    Ambient,
    Credentials,
    ObjectRef,
    Project,
    ProjectRef,
    Trouble,
    TroubleKind,
)
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.engine.channel import Channel
from dcs_migration_operator.engine.facts import ChannelFacts
from dcs_migration_operator.engine.key_ledger import LOCK_S
from dcs_migration_operator.engine.ports import SecretReadError
from dcs_migration_operator.engine.projects import (
    DRAIN_S_MAX,
    READS_PARALLEL_MAX,
    UNUSED_S,
    Past,
    Projects,
)
from dcs_migration_operator.engine.pump import Pump
from dcs_migration_operator.engine.shadow import StatusShadow
from dcs_migration_operator.engine.store import Entry, Store
from dcs_migration_operator.settings import Settings
from simulation.virtual import clock
from support import make
from unit.engine.parts import ENDPOINT, KEYS, Notes, middle, queue

if TYPE_CHECKING:
    from dcs_migration_operator.engine.store import ProjectEntry

pytestmark = pytest.mark.looptime

REF = make.PROJECT
SHARED = ProjectRef(CLUSTER_PROJECT_KIND, "", "shared")
OTHER = Credentials("AK", "another secret key")
MISSING = SecretReadError("Secret team-a/dcs does not exist.")
AWAY = SecretReadError("Secret team-a/dcs cannot be read at the moment.", passing=True)
SETTINGS = replace(
    Settings(),
    operator_namespace="dcs-system",
    allow_endpoints=("https://dcs.*.myhuaweicloud.com", "http://127.0.0.1:*"),
)


class Opened:
    """A channel that was opened: real facts, and no calls."""

    def __init__(self, account: Account, past: Past, projects: Pump[ProjectRef]) -> None:
        self.account, self.past = account, past
        self.facts = ChannelFacts(queue(), projects.queue)
        self.closed: list[float] = []
        forever = asyncio.get_running_loop().create_task(asyncio.sleep(1e9))
        part = cast("Any", self)
        poller = cast("Any", _Closable())
        self.channel = Channel(account, self.facts, poller, poller, part, poller, forever)

    async def close(self, timeout_s: float) -> None:
        """Keep how long a drain may take (`Stops`)."""
        self.closed.append(timeout_s)
        await asyncio.sleep(0.1)

    def trouble(self, kind: TroubleKind, *, person_at: float | None = None) -> None:
        """Let every call of it be in trouble."""
        trouble = Trouble(kind, clock().mono, "Something is wrong.", person_at=person_at)
        self.facts.trouble(dict.fromkeys(Operation, trouble))


class _Closable:
    settled_due_at = 700.0

    def close(self) -> None:
        """Bear it."""


class Ground:
    """Projects with a store, a cluster that holds Secrets, and channels; ends with its block."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.notes, self.opened = Notes(), list[Opened]()
        self.secrets: dict[str, Credentials | Exception] = {"dcs": KEYS}
        self.ambient: Credentials | ReadError = KEYS
        self.refused: list[Credentials | None] = []
        self.reads: list[tuple[float, str]] = []
        self.read_s = 0.0
        self.at_once = self.at_once_max = 0
        self.pump: Pump[ProjectRef] = Pump(self.notes.failed)
        self.store = Store(queue(), self.pump.queue, queue(), clock, cluster_projects=True)
        self.projects = Projects(
            self.store,
            self.pump,
            read_secret=self._read_secret,
            ambient=cast("Any", self),
            open_channel=self._open,
            sink=self.notes,
            clock=clock,
            settings=settings,
            draw=middle,
        )

    async def __aenter__(self) -> Self:
        """Begin to look at projects."""
        self.pump.start(self.projects.process)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        self.pump.stop()
        await self.projects.close(0.0)

    async def read(self, _: Ambient, refused: Credentials | None) -> Credentials:
        """Hand out the operator's own credentials (`AmbientCredentials`)."""
        self.refused.append(refused)
        if isinstance(self.ambient, ReadError):
            raise self.ambient
        return self.ambient

    def name(self, ref: ProjectRef = REF, uid: str = "uid-1") -> None:
        """Let a task name a project."""
        named = ObjectRef("migrationtasks", "team-a", uid, uid)
        self.store.add(Entry(make.task(ref=named, project=ref), StatusShadow()))

    def apply(self, project: Project | None = None, shown: Status | None = None) -> ProjectEntry:
        """Apply a project resource."""
        entry = self.store.put_project(project or make.project())
        if shown:
            entry.shadow.shown = shown
        return entry

    def trouble(self, ref: ProjectRef = REF) -> Trouble | None:
        """Return why a project cannot be used, if it cannot."""
        known = self.store.project(ref)
        return known.route.trouble if known else None

    def leads_to(self, ref: ProjectRef = REF) -> Account | None:
        """Return the account of the channel to which a project leads."""
        known = self.store.project(ref)
        return known.route.channel.account if known and known.route.channel else None

    @property
    def reasons(self) -> list[str]:
        """The reasons of Ready that were written, over all projects."""
        found = (status.condition("Ready") for _, status in self.notes.wanted)
        return [ready.reason for ready in found if ready]

    @property
    def gaps(self) -> list[float]:
        """The seconds between one read of a Secret and the next."""
        return [round(after - before, 1) for (before, _), (after, _) in pairwise(self.reads)]

    def _open(self, account: Account, past: Past) -> Channel:
        opened = Opened(account, past, self.pump)
        self.opened.append(opened)
        return opened.channel

    async def _read_secret(self, namespace: str, name: str) -> Credentials:
        self.reads.append((clock().mono, namespace))
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        await asyncio.sleep(self.read_s)
        self.at_once -= 1
        found = self.secrets.get(name, MISSING)
        if isinstance(found, Exception):
            raise found
        return found


def cluster_project(**changes: Any) -> Project:
    """Return the cluster-scoped project `shared`."""
    named = ObjectRef("clusterdcsprojects", "", "shared", "uid-s")
    return make.project(**{"ref": SHARED, "object": named} | changes)


class TestUsable:
    """A project that works."""

    async def test_it_leads_to_the_channel_of_its_account(self) -> None:
        """The credentials are those of the Secret in its own namespace."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            assert ground.leads_to() == Account(ENDPOINT, make.project().project_id, KEYS)
            assert ground.reads == [(0.0, "team-a")]
            assert ground.opened[0].facts.leading == {REF}
            assert ground.reasons == ["Configured"]

    async def test_a_cluster_scoped_one_reads_where_its_administrators_are(self) -> None:
        """It never reads in the namespace of a task."""
        async with Ground() as ground:
            ground.name(SHARED)
            ground.apply(cluster_project())
            await asyncio.sleep(1.0)
            assert [namespace for _, namespace in ground.reads] == ["dcs-system"]

    @pytest.mark.parametrize(
        "changes, expected",
        [
            ({"endpoint": "http://127.0.0.1:8080"}, {"named": True}),
            ({"ca_bundle": "PEM"}, {"ca_bundle": "PEM"}),
        ],
    )
    async def test_what_belongs_to_the_account(
        self, changes: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        """It has a host that an administrator named, and certificates of the project's own."""
        async with Ground() as ground:
            ground.name()
            ground.apply(make.project(**changes))
            await asyncio.sleep(1.0)
            account = ground.leads_to()
            assert account
            assert {name: getattr(account, name) for name in expected} == expected

    async def test_projects_with_equal_accounts_share_a_channel(self) -> None:
        """It is closed when the last of them leads elsewhere."""
        other = replace(REF, name="other")
        named = replace(make.project().object, name="other", uid="uid-o")
        async with Ground() as ground:
            ground.name()
            ground.name(other, "uid-2")
            ground.apply()
            ground.apply(make.project(ref=other, object=named))
            await asyncio.sleep(1.0)
            (opened,) = ground.opened
            assert opened.facts.leading == {REF, other}
            ground.store.remove_project("uid-p")
            await asyncio.sleep(1.0)
            assert (opened.closed, ground.projects.channels) == ([], [opened.channel])
            ground.store.remove_project("uid-o")
            await asyncio.sleep(1.0)
            assert (opened.closed, ground.projects.channels) == ([DRAIN_S_MAX], [])

    async def test_its_secret_is_read_again_from_time_to_time(self) -> None:
        """The same credentials change nothing; others mean another channel."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(90.0)
            assert ground.gaps == [20.0] * 4
            assert len(ground.opened) == 1
            ground.secrets["dcs"] = OTHER
            await asyncio.sleep(20.0)
            account = ground.leads_to()
            assert account
            assert account.credentials == OTHER
            assert [one.closed for one in ground.opened] == [[DRAIN_S_MAX], []]
            assert [one.past.settled_due_at for one in ground.opened] == [None, 700.0]

    async def test_one_that_no_task_names_is_looked_at_rarely(self) -> None:
        """Its own status alone depends on it."""
        async with Ground() as ground:
            ground.apply()
            await asyncio.sleep(UNUSED_S * 2 + 10.0)
            assert ground.gaps == [UNUSED_S] * 2
            assert ground.reasons == ["Configured"]

    async def test_one_that_is_named_from_now_on_is_looked_at_at_once(self) -> None:
        """From then on it is read as often as others."""
        async with Ground() as ground:
            ground.apply()
            await asyncio.sleep(100.0)
            ground.name()
            await asyncio.sleep(30.0)
            assert ground.gaps == [100.0, 20.0]

    async def test_the_operators_own_identity_needs_no_secret(self) -> None:
        """Its credentials are handed out by provider."""
        async with Ground() as ground:
            ground.name(SHARED)
            ground.apply(cluster_project(secret="", ambient=Ambient.OIDC))
            await asyncio.sleep(1.0)
            assert (ground.reads, ground.refused) == ([], [None])
            assert ground.reasons == ["Configured"]

    async def test_own_credentials_that_dcs_refuses_are_handed_back(self) -> None:
        """So that new ones are made before the time of the old ones is over."""
        async with Ground() as ground:
            ground.name(SHARED)
            ground.apply(cluster_project(secret="", ambient=Ambient.OIDC))
            await asyncio.sleep(1.0)
            ground.opened[0].trouble(TroubleKind.CREDENTIALS)
            await asyncio.sleep(1.0)
            assert ground.refused == [None, KEYS]


class TestUnusable:
    """A project that does not work."""

    @pytest.mark.parametrize(
        "project, secret, kind, words",
        [
            pytest.param(None, KEYS, TroubleKind.PROJECT, "does not exist. Create it", id="none"),
            pytest.param(
                make.project(endpoint="https://evil.example"),
                KEYS,
                TroubleKind.ENDPOINT,
                "--allow-endpoint",
                id="an endpoint that is not allowed",
            ),
            pytest.param(
                make.project(), MISSING, TroubleKind.PROJECT, str(MISSING), id="no Secret"
            ),
            pytest.param(make.project(), AWAY, TroubleKind.PROJECT, str(AWAY), id="nobody answers"),
            pytest.param(
                make.project(secret="", ambient=Ambient.OIDC),
                KEYS,
                TroubleKind.PROJECT,
                "names no credentials",
                id="an ambient identity in a namespaced project",
            ),
        ],
    )
    async def test_it_says_why_and_what_to_do(
        self,
        project: Project | None,
        secret: Credentials | SecretReadError,
        kind: TroubleKind,
        words: str,
    ) -> None:
        """The route is known at once; the resource says so when it lasts."""
        async with Ground() as ground:
            ground.secrets["dcs"] = secret
            ground.name()
            if project:
                ground.apply(project)
            await asyncio.sleep(1.0)
            trouble = ground.trouble()
            assert trouble
            assert (trouble.kind, trouble.since, ground.reasons) == (kind, 0.0, [])
            assert words in trouble.message
            await asyncio.sleep(1.1)
            assert ground.reasons == ([kind.value] if project else [])
            assert ground.opened == []

    async def test_it_is_looked_at_more_often_and_heals(self) -> None:
        """It is read again after 3, 6, 12 and 20 s; the trouble keeps its beginning."""
        async with Ground() as ground:
            ground.secrets["dcs"] = MISSING
            ground.name()
            ground.apply()
            await asyncio.sleep(70.0)
            trouble = ground.trouble()
            assert trouble
            assert trouble.since == 0.0
            assert ground.gaps == [2.0, 6.0, 12.0, 20.0, 20.0]  # the first to tell the trouble
            ground.secrets["dcs"] = KEYS
            await asyncio.sleep(20.5)
            ground.opened[0].facts.progress(clock().mono)
            await asyncio.sleep(0.1)
            assert (ground.trouble(), ground.reasons) == (None, ["ProjectNotReady", "Configured"])

    async def test_a_project_that_appears_is_used_at_once(self) -> None:
        """Its tasks have named it all the time."""
        async with Ground() as ground:
            ground.name()
            await asyncio.sleep(100.0)
            ground.apply()
            await asyncio.sleep(0.1)
            assert ground.leads_to()

    async def test_an_api_server_that_is_away_does_not_lose_the_channel(self) -> None:
        """What was read before still holds, as long as it is the same cloud project."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            ground.secrets["dcs"] = AWAY
            await asyncio.sleep(100.0)
            assert (ground.trouble(), len(ground.opened)) == (None, 1)
            ground.apply(make.project(generation=2, project_id="another"))
            await asyncio.sleep(1.0)
            assert (ground.leads_to(), ground.opened[0].closed) == (None, [DRAIN_S_MAX])
            trouble = ground.trouble()
            assert trouble
            assert trouble.message == str(AWAY)

    async def test_an_identity_that_cannot_be_had_now_heals_alone(self) -> None:
        """What holds is still handed out, so none does; the provider is away."""
        async with Ground() as ground:
            ground.ambient = ReadError("STS cannot be reached.", passing=True)
            ground.name(SHARED)
            ground.apply(cluster_project(secret="", ambient=Ambient.OIDC))
            await asyncio.sleep(3.0)
            assert ground.reasons == ["CloudUnavailable"]

    async def test_an_error_of_our_own_is_tried_again(self) -> None:
        """It is nobody else's, and the project does not stay without progress and reason."""
        other = replace(REF, name="other")
        named = replace(make.project().object, name="other", uid="uid-o")
        async with Ground() as ground:
            ground.secrets["dcs"] = KeyError("our own")
            ground.secrets["fine"] = KEYS
            ground.name()
            ground.name(other, "uid-2")
            ground.apply()
            ground.apply(make.project(ref=other, object=named, secret="fine"))
            await asyncio.sleep(4.0)
            assert ground.leads_to(other)
            assert ground.store.project(REF) is not None
            assert ground.notes.counted == ["failed"]
            ground.secrets["dcs"] = KEYS
            await asyncio.sleep(10.0)
            assert ground.leads_to()

    async def test_its_own_errors_are_tried_again_with_growing_pauses(self) -> None:
        """Their tracebacks must not fill the log."""
        async with Ground() as ground:
            ground.secrets["dcs"] = KeyError("our own")
            ground.name()
            ground.apply()
            await asyncio.sleep(160.0)
            assert ground.gaps == [5.0, 10.0, 20.0, 40.0, 80.0]


class TestChannelTrouble:
    """What keeps the channel of a project from calling."""

    @pytest.mark.parametrize(
        "kind, standing",
        [(TroubleKind.PERMISSION, "Stalled"), (TroubleKind.THROTTLED, "Reconciling")],
    )
    async def test_it_is_told_on_the_project(self, kind: TroubleKind, standing: str) -> None:
        """When it lasts; and its end is told at once."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            opened = ground.opened[0]
            opened.trouble(kind)
            await asyncio.sleep(1.9)
            assert ground.reasons == ["Configured"]
            await asyncio.sleep(0.2)
            assert ground.reasons == ["Configured", kind.value]
            assert ground.notes.wanted[-1][1].condition(standing)
            opened.facts.progress(clock().mono)
            opened.facts.trouble({})
            await asyncio.sleep(0.1)
            assert ground.reasons[2:] == ["Configured"]

    async def test_a_refused_key_is_told_at_once(self) -> None:
        """It rests anyway, and the next process has to know, whatever ends this one."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            ground.opened[0].trouble(TroubleKind.CREDENTIALS)
            await asyncio.sleep(0.1)
            assert ground.reasons == ["Configured", "CredentialsInvalid"]

    async def test_a_short_one_is_not(self) -> None:
        """One 503 costs no write."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            ground.opened[0].trouble(TroubleKind.UNAVAILABLE)
            await asyncio.sleep(1.0)
            ground.opened[0].facts.trouble({})
            await asyncio.sleep(100.0)
            assert ground.reasons == ["Configured"]

    async def test_when_a_person_is_needed_from_some_moment_on_it_says_so_then(self) -> None:
        """A name that does not resolve heals alone for a minute, and then is a person's."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            ground.opened[0].trouble(TroubleKind.UNAVAILABLE, person_at=61.0)
            await asyncio.sleep(59.9)
            assert not ground.notes.wanted[-1][1].condition("Stalled")
            await asyncio.sleep(0.2)
            assert ground.notes.wanted[-1][1].condition("Stalled")

    @pytest.mark.parametrize("reason", ["CredentialsInvalid", "ProjectNotReady"])
    async def test_what_was_shown_before_a_restart_stays_until_the_first_call(
        self, reason: str
    ) -> None:
        """Nothing is known of the channel before; then it is put right at once."""
        kind = TroubleKind(reason)
        before = Status(conditions=(make.condition("Ready", "False", kind.value),))
        async with Ground() as ground:
            ground.name()
            ground.apply(shown=before)
            await asyncio.sleep(100.0)
            assert ground.reasons == []
            ground.opened[0].facts.progress(clock().mono)
            await asyncio.sleep(0.1)
            assert ground.reasons == ["Configured"]
            refused = kind is TroubleKind.CREDENTIALS
            assert ground.opened[0].past.trusted_at == (LOCK_S if refused else float("-inf"))

    async def test_a_secret_that_appears_is_told_without_a_call(self) -> None:
        """Where all tasks are settled, the next call may be ten minutes away."""
        async with Ground() as ground:
            secret = ground.secrets["dcs"]
            ground.secrets["dcs"] = SecretReadError("It is missing.")
            ground.name()
            ready = make.condition("Ready", "False", "ProjectNotReady")
            ground.apply(shown=Status(generation=1, conditions=(ready,)))
            await asyncio.sleep(10.0)
            ground.secrets["dcs"] = secret
            await asyncio.sleep(30.0)
            assert ground.reasons[-1:] == ["Configured"]

    async def test_what_an_earlier_life_was_refused_counts_for_the_first_minutes(self) -> None:
        """Whatever is in the Secret meanwhile: nobody knows how often the key was refused."""
        async with Ground() as ground:
            ground.name()
            ready = make.condition("Ready", "False", "CredentialsInvalid")
            ground.apply(shown=Status(conditions=(ready,)))
            await asyncio.sleep(1.0)
            ground.secrets["dcs"] = OTHER
            await asyncio.sleep(30.0)
            assert [one.past.trusted_at for one in ground.opened] == [LOCK_S, LOCK_S]


class TestChange:
    """What changes while a project is looked at."""

    async def test_a_project_that_changed_meanwhile_is_looked_at_again(self) -> None:
        """What was found out for the old one is not used."""
        async with Ground() as ground:
            ground.read_s = 1.0
            ground.secrets["other"] = OTHER
            ground.name()
            ground.apply()
            await asyncio.sleep(0.5)
            ground.apply(make.project(generation=2, secret="other"))
            await asyncio.sleep(0.6)
            assert ground.leads_to() is None
            await asyncio.sleep(1.0)
            account = ground.leads_to()
            assert account
            assert account.credentials == OTHER
            assert len(ground.opened) == 1

    async def test_one_that_is_gone_and_named_by_nobody_is_forgotten(self) -> None:
        """Its channel is closed, also when it goes while it is looked at."""
        async with Ground() as ground:
            ground.read_s = 1.0
            ground.apply()
            await asyncio.sleep(2.0)
            ground.store.check_project(REF)
            await asyncio.sleep(0.5)
            ground.store.remove_project("uid-p")
            await asyncio.sleep(5.0)
            assert (ground.store.projects(), ground.projects.channels) == ({}, [])
            assert ground.opened[0].closed == [DRAIN_S_MAX]

    async def test_one_that_is_gone_but_named_says_so_on_its_tasks(self) -> None:
        """And its channel is closed."""
        async with Ground() as ground:
            ground.name()
            ground.apply()
            await asyncio.sleep(1.0)
            ground.store.remove_project("uid-p")
            await asyncio.sleep(1.0)
            trouble = ground.trouble()
            assert trouble
            assert "does not exist" in trouble.message
            assert ground.projects.channels == []

    async def test_a_project_that_nobody_knows_is_not_looked_at(self) -> None:
        """It was forgotten before its turn."""
        async with Ground() as ground:
            ground.pump.queue.add(REF)
            await asyncio.sleep(1.0)
            assert (ground.reads, ground.store.projects()) == ([], {})


async def test_a_few_secrets_are_read_at_once_and_no_more() -> None:
    """Reads that hang must not take the place of other calls of the API server."""
    async with Ground() as ground:
        ground.read_s = 5.0
        for number in range(3 * READS_PARALLEL_MAX):
            ref = replace(REF, name=f"p-{number}")
            named = replace(make.project().object, name=f"p-{number}", uid=f"uid-p-{number}")
            ground.name(ref, f"uid-{number}")
            ground.apply(make.project(ref=ref, object=named))
        await asyncio.sleep(16.0)
        assert ground.at_once_max == READS_PARALLEL_MAX
        assert len(ground.reads) >= 3 * READS_PARALLEL_MAX


async def test_a_close_drains_what_is_open_and_what_is_closing() -> None:
    """And gives up what is being looked at."""
    ground = Ground()
    ground.pump.start(ground.projects.process)
    ground.name()
    ground.apply()
    await asyncio.sleep(19.99)
    ground.secrets["dcs"] = OTHER
    await asyncio.sleep(0.05)
    ground.read_s = 100.0
    ground.store.check_project(REF)
    await asyncio.sleep(0.01)
    ground.pump.stop()
    begin = clock().mono
    await ground.projects.close(2.0)
    assert [one.closed for one in ground.opened] == [[DRAIN_S_MAX], [2.0]]
    assert clock().mono - begin < 1.0
    assert all(one.channel.polling.cancelled() for one in ground.opened)
