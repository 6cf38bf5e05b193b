"""Proves for each single right of the chart's roles what fails without it.

A proof gets an operator that lacks the right and lets it do what needs the right. It returns once
the failure shows: in what the operator says of itself, and in what is missing in the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.waiting import eventually
from support.chart.rights import PATIENCE_S, Right, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.chart.pod import Pod


@dataclass(frozen=True)
class Life:
    """An operator that lacks one right, and the team that it works for; it is not yet started."""

    right: Right
    operator: Pod
    team: Team

    def start(self) -> None:
        """Start the operator and wait until it has listed everything."""
        self.operator.start()

    def until_refused(self, times: int = 1) -> None:
        """Wait until the log holds the API server's own words about the missing right."""
        verb, resource = self.right
        plain = f'cannot {verb} resource "{resource}"'
        quoted = plain.replace('"', '\\"')

        def look() -> bool:
            log = self.operator.log.read_text(encoding="utf-8")
            return max(log.count(plain), log.count(quoted)) >= times

        eventually(look, PATIENCE_S)


def does_not_start(life: Life) -> None:
    """Prove that it ends at once, with one line that names the right."""
    life.operator.launch()
    life.until_refused()
    assert life.operator.wait() == 1


def tells_nothing_of_tasks(life: Life) -> None:
    """Prove that tasks are stopped, but nothing is written to their statuses."""
    life.start()
    life.until_refused()
    eventually(life.team.dcs.ordered)
    assert not life.team.has_status(life.team.path("own"))


def tells_nothing_of_waves(life: Life) -> None:
    """Prove that tasks are stopped, but nothing is written to the status of a wave."""
    wave = life.team.add_wave("held")
    life.start()
    life.until_refused()
    life.team.until("Terminated", life.team.path("own"))
    assert not life.team.has_status(wave)


def tells_nothing_of_projects(life: Life) -> None:
    """Prove that tasks are stopped, but nothing is written to the status of the DCSProject."""
    life.start()
    life.until_refused()
    life.team.until("Terminated", life.team.path("own"))
    assert not life.team.has_status(life.team.path(project="default"))


def tells_nothing_of_shared_projects(life: Life) -> None:
    """Prove that tasks are stopped, but nothing is written to the ClusterDCSProject."""
    life.team.share()
    life.team.add_task("shared", shared=True)
    life.start()
    life.until_refused()
    life.team.until("Terminated", life.team.path("shared"))
    assert not life.team.has_status(life.team.path())


def posts_no_event(life: Life) -> None:
    """Prove that a task that needs a person has no event."""
    life.team.add_task("unknown", unknown=True)
    life.start()
    life.until_refused()
    life.team.until("TaskNotFound", life.team.path("unknown"))
    assert life.team.events("unknown") == []


def renews_no_event(life: Life) -> None:
    """Prove that a second time leaves the event of the first time as it was."""
    life.start()
    event = trouble_twice(life.team)
    life.until_refused()
    assert life.team.events("default") == [event]


def trouble_twice(team: Team) -> dict[str, Any]:
    """Have the DCSProject need a person, be fixed, and need one again; return the first event."""
    project = team.path(project="default")
    team.until("Configured", project)
    team.point_to("https://dcs.example.com")
    team.until("EndpointNotAllowed", project)
    (event,) = eventually(lambda: team.events("default"))
    team.point_to()
    team.until("Configured", project)
    team.point_to("https://dcs.example.com")
    team.until("EndpointNotAllowed", project)
    return event


def reads_no_secret(life: Life) -> None:
    """Prove that no task can be stopped, and each says which Secret may not be read."""
    life.start()
    message = life.team.until("ProjectNotReady", life.team.path("own"))
    assert f"may not read Secret {life.team.namespace}/" in message
    assert life.team.dcs.calls() == []


def reads_no_labels(life: Life) -> None:
    """Prove that a selector admits no namespace, and that the task says which right is missing."""
    life.team.share()
    life.team.add_task("shared", shared=True)
    life.start()
    message = life.team.until("ProjectNotReady", life.team.path("shared"))
    assert "the verb get on namespaces" in message


def notices_nobody(life: Life) -> None:
    """Prove that it works, but cannot detect another installation."""
    with life.team.neighbor():
        life.start()
        life.until_refused()
        life.team.until("Terminated", life.team.path("own"))
        assert life.operator.metric("dcs_operator_overlaps") == "0.0"


def never_leads(life: Life) -> None:
    """Prove that it waits for the Lease for ever: nothing is ordered or written."""
    life.start()
    life.until_refused(2)
    assert not life.operator.leads()
    assert life.team.dcs.calls() == []
    assert not life.team.has_status(life.team.path("own"))


def does_not_renew(life: Life) -> None:
    """Prove that it leads, cannot renew the Lease, and ends when it may no longer trust it."""
    life.operator.launch()
    life.until_refused()
    assert life.operator.wait() == 1


PROOFS: Final[Mapping[Right, Callable[[Life], None]]] = {
    ("list", "migrationtasks"): does_not_start,
    ("watch", "migrationtasks"): does_not_start,
    ("patch", "migrationtasks/status"): tells_nothing_of_tasks,
    ("list", "migrationwaves"): does_not_start,
    ("watch", "migrationwaves"): does_not_start,
    ("patch", "migrationwaves/status"): tells_nothing_of_waves,
    ("list", "dcsprojects"): does_not_start,
    ("watch", "dcsprojects"): does_not_start,
    ("patch", "dcsprojects/status"): tells_nothing_of_projects,
    ("list", "clusterdcsprojects"): does_not_start,
    ("watch", "clusterdcsprojects"): does_not_start,
    ("patch", "clusterdcsprojects/status"): tells_nothing_of_shared_projects,
    ("create", "events"): posts_no_event,
    ("patch", "events"): renews_no_event,
    ("get", "secrets"): reads_no_secret,
    ("get", "namespaces"): reads_no_labels,
    ("list", "leases"): notices_nobody,
    ("get", "leases"): never_leads,
    ("create", "leases"): never_leads,
    ("update", "leases"): does_not_renew,
}
"""Right → what fails without it; each also stands in docs/security.md."""
