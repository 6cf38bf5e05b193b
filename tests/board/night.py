"""A night as an operator would leave it behind, for the tests of the page: drawn, always the same.

A wave of 60 tasks at Hold, then at Go; targets catch up, each at its own pace, and are stopped. One
has writers that nobody stopped, one does not replicate. A second wave holds, some tasks only show.
"""

from __future__ import annotations

import math
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import PROJECT, TASK, WAVE
from sandbox import manifests
from unit.plugin import bodies

BEGIN_S: Final = datetime(2026, 11, 27, 18, 0, tzinfo=UTC).timestamp()
"""Two in the morning in Beijing."""

GO_S: Final = 180.0
WRITERS_STOP_S: Final = 200.0
SAMPLE_S: Final = 15.0
STABLE_S: Final = 10.0
ACCEPT_S: Final = 1.0
END_S: Final = 14.0
"""From the acceptance to TERMINATED."""

TIMEOUT_S: Final = 900.0

NAMES: Final = ("orders", "carts", "sessions", "stock", "prices", "search")
STUBBORN: Final = "orders-07"
BROKEN: Final = "stock-04"


def stamp(moment_s: float) -> str:
    """Return a time of the night as RFC 3339."""
    return datetime.fromtimestamp(BEGIN_S + moment_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Plan:
    """How one task behaves; times are seconds of the night."""

    name: str
    wave: str
    lag: int
    tau_s: float

    @property
    def caught_up_s(self) -> float:
        """When its lag is 0."""
        if self.wave != "night-1" or self.name in {STUBBORN, BROKEN}:
            return math.inf
        return WRITERS_STOP_S + self.tau_s * math.log(self.lag)

    def lag_at(self, now_s: float) -> int:
        """Return the lag at a moment."""
        wave = 1 + 0.12 * math.sin(now_s / 37 + self.lag)
        if self.name == STUBBORN and now_s > WRITERS_STOP_S:
            return int(self.lag * wave * max(0.35, math.exp(-(now_s - WRITERS_STOP_S) / 90)))
        if now_s <= WRITERS_STOP_S or self.wave != "night-1":
            return int(self.lag * wave)
        return int(self.lag * math.exp(-(now_s - WRITERS_STOP_S) / self.tau_s))


class Night:
    """The night, moment by moment."""

    def __init__(self) -> None:
        draw = random.Random(60)  # noqa: S311 - a drawn night, always the same
        self.plans = [
            Plan(
                f"{NAMES[i % 6]}-{i // 6 + 1:02}",
                "night-1",
                draw.randrange(900, 190_000),
                draw.uniform(6, 21),
            )
            for i in range(60)
        ]
        self.plans += [
            Plan(f"reports-{i + 1:02}", "night-2", draw.randrange(50, 9_000), 10.0)
            for i in range(12)
        ]
        self.plans += [Plan(f"archive-{i + 1:02}", "", 0, 10.0) for i in range(4)]
        self._last: dict[str, dict[str, Any]] = {}

    def listed(self, now_s: float) -> list[News]:
        """Return everything at a moment, as a first list."""
        tasks = [self._task(plan, now_s) for plan in self.plans]
        self._last = {body["metadata"]["name"]: body for body in tasks}
        waves = [self._wave(name, now_s) for name in ("night-1", "night-2")]
        return [
            News(What.LISTED, TASK, tasks),
            News(What.LISTED, WAVE, waves),
            News(What.LISTED, PROJECT, [project()]),
        ]

    def changed(self, now_s: float) -> list[News]:
        """Return what changed since the last moment."""
        found = []
        for plan in self.plans:
            body = self._task(plan, now_s)
            if self._last.get(plan.name, {}).get("status") != body["status"]:
                self._last[plan.name] = body
                found.append(body)
        waves = [self._wave(name, now_s) for name in ("night-1", "night-2")]
        return [News(What.CHANGED, TASK, found), News(What.CHANGED, WAVE, waves)]

    def _task(self, plan: Plan, now_s: float) -> dict[str, Any]:
        sampled_s = max(0.0, now_s - (now_s + hash_of(plan.name)) % SAMPLE_S)
        offset, keys = plan.lag_at(sampled_s), plan.lag * 7 + 12
        lag = {"offset": offset, "observedAt": stamp(sampled_s), "fullProgress": 100}
        if sampled_s >= plan.caught_up_s:
            lag["caughtUpSince"] = stamp(plan.caught_up_s)
        lag |= {"sourceKeys": keys, "targetKeys": keys - offset}
        fields: dict[str, Any] = {
            "task": {
                "name": f"mig-{plan.name}",
                "method": "incremental_migration",
                "sourceInstance": f"redis-old-{plan.name}",
                "targetInstance": f"dcs-{plan.name}",
            }
        }
        spec: dict[str, Any] = {"cutover": {"waveRef": {"name": plan.wave}}} if plan.wave else {}
        spec["taskId"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, plan.name))
        ready, standing, also, message = self._standing(plan, now_s, fields)
        body = bodies.task(plan.name, ready, spec=spec, standing=standing, also=also, **fields)
        if plan.wave:
            body["status"]["lag"] = lag
        for one in body["status"]["conditions"]:
            one["message"] = message
            one["lastTransitionTime"] = stamp(min(now_s, GO_S))
        body["metadata"]["resourceVersion"] = str(int(now_s * 10))
        body["metadata"]["creationTimestamp"] = "2026-11-26T09:12:44Z"
        return body

    def _standing(
        self, plan: Plan, now_s: float, fields: dict[str, Any]
    ) -> tuple[str, str, tuple[str, ...], str]:
        if not plan.wave:
            return "True/Observed", "", (), "DCS says INCRMIGEATING. Not to be stopped."
        if plan.wave != "night-1" or now_s < GO_S:
            return "True/Holding", "", (), "Its wave holds; lags are only shown."
        fields["cutover"] = {"openedAt": stamp(GO_S), "timesOutAt": stamp(GO_S + TIMEOUT_S)}
        if plan.name == BROKEN and now_s > WRITERS_STOP_S + 60:
            text = "DCS says that the task does not replicate. See its log: kubectl dcs logs."
            return "False/NotReplicating", "Stalled", (), text
        if plan.name == STUBBORN and now_s > GO_S + TIMEOUT_S:
            text = (
                f"Not caught up within 15m: the lag is {plan.lag_at(now_s):,}. Are writers active?"
            )
            return "False/CutoverTimedOut", "Stalled", (), text
        up_s = plan.caught_up_s
        if now_s < up_s:
            text = f"The lag is {plan.lag_at(now_s):,}; 0 is wished for."
            return "False/CatchingUp", "Reconciling", (), text
        ordered_s = up_s + STABLE_S
        if now_s < ordered_s:
            return "False/CatchingUp", "Reconciling", ("CaughtUp",), "Caught up; waits for 10s."
        fields["stop"] = {"requestedAt": stamp(ordered_s), "attempts": 1, "lagAtOrder": 0}
        fields["stop"]["requestId"] = uuid.uuid5(uuid.NAMESPACE_URL, plan.name).hex
        if now_s >= ordered_s + ACCEPT_S:
            fields["stop"]["acceptedAt"] = stamp(ordered_s + ACCEPT_S)
            fields["phase"] = "TERMINATING"
        if now_s < ordered_s + END_S:
            return "False/Stopping", "Reconciling", ("CaughtUp",), "The stop was ordered."
        fields["stop"]["terminatedAt"] = stamp(ordered_s + END_S)
        fields["phase"] = "TERMINATED"
        return "True/Terminated", "", ("Stopped", "CaughtUp"), "DCS says TERMINATED."

    def _wave(self, name: str, now_s: float) -> dict[str, Any]:
        gone = name == "night-1" and now_s >= GO_S
        spec = {"state": "Go" if gone else "Hold"}
        if name == "night-2":
            spec |= {"notBefore": stamp(3600), "notAfter": stamp(3 * 3600)}
        body = bodies.wave(name, "False/Going" if gone else "True/Holding", **spec)
        body["metadata"]["resourceVersion"] = str(int(now_s * 10))
        message = "Tasks are stopped as they catch up." if gone else "Nothing is ordered."
        for one in body["status"]["conditions"]:
            one["message"] = message
        if gone:
            body["status"]["openedAt"] = stamp(GO_S)
        return body


def hash_of(name: str) -> float:
    """Return a number from 0 to 15 for a name, the same on every machine."""
    return sum(ord(c) * (i + 3) ** 3 for i, c in enumerate(name)) % 1500 / 100


def project() -> dict[str, Any]:
    """Return the project of all tasks."""
    body = manifests.dcs_project(region="cn-north-4", projectId="0123456789abcdef" * 2)
    body["metadata"]["namespace"] = "shop"
    ready = bodies.condition("Ready", "True", "Valid", "DCS accepts the key.")
    return body | {"status": {"observedGeneration": 1, "conditions": [ready]}}
