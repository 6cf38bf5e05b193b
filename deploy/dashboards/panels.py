"""What an on-call person looks at, top to bottom: the rows, the panels and their queries.

Owns meaning and order. `{all}` stands for the choice of namespace and job at the top of the page.
Every replica counts all tasks, so tasks are the largest count of all replicas, never their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

ALL = 'namespace=~"$namespace", job=~"$job"'

RATE = "[$__rate_interval]"
"""Grafana's own choice: long enough for four scrapes, and for one point of the picture."""


@dataclass(frozen=True)
class Query:
    """One line, or family of lines, of a panel; the legend may name labels as `{{label}}`."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: What it shows.
        help: How to read it; what is normal.
        queries: Its lines.
        unit: Grafana's name of the unit.
        kind: `timeseries`, `stat` or `bars` (stacked).
        width: In twenty-fourths of the page.
        steps: For a `stat`: from which value on it has which color.
    """

    title: str
    help: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    steps: tuple[tuple[float, str], ...] = ((0, "blue"),)


@dataclass(frozen=True)
class Row:
    """Panels that answer one question."""

    title: str
    panels: tuple[Panel, ...]


def q(expr: str, legend: str = "") -> Query:
    """Return a query for the chosen namespace and job."""
    return Query(expr.replace("{all}", ALL).replace("{rate}", RATE), legend)


def tasks(labels: str, by: str) -> str:
    """Return the number of tasks with these labels, by one of them; none counts as 0."""
    found = f"max by (namespace, job, phase, ready) (dcs_operator_tasks{{{{all}}{labels}}})"
    return f"sum by ({by}) ({found})" if by else f"sum({found}) or vector(0)"


def per_minute(metric: str, by: str, labels: str = "") -> str:
    """Return how often something happens per minute, by labels."""
    return f"60 * sum by ({by}) (rate({metric}{{{{all}}{labels}}}{{rate}}))"


def quantile(share: float, metric: str, by: str = "") -> str:
    """Return the value that so large a share of a histogram stays below."""
    labels = f"{by}, le" if by else "le"
    buckets = f"rate({metric}_bucket{{{{all}}}}{{rate}})"
    return f"histogram_quantile({share}, sum by ({labels}) ({buckets}))"


WAITING = ', ready="False", phase!~"NONE|TERMINAT.*|.*SUCCESS|RELEASED|.*FAILED|ERROR|DELETED"'
"""As the rule namespace_job:dcs_operator_tasks_waiting:max has it."""

STOPPING = ', phase="TERMINATING"'
BROKEN = ', ready="False", phase=~".*FAILED|ERROR|DELETED"'

GOOD_IS_ZERO = ((0, "green"), (1, "orange"))
BAD_IS_ZERO = ((0, "red"), (1, "green"))

HEALTH = Row(
    "Is it healthy, and who leads?",
    (
        Panel(
            "Alerts",
            "Alerts of the operator that fire now. docs/runbook.md has a section for each.",
            (q('count(ALERTS{alertname=~"DCSOperator.+", alertstate="firing"}) or vector(0)'),),
            kind="stat",
            width=4,
            steps=((0, "green"), (1, "red")),
        ),
        Panel(
            "Leaders",
            "Exactly 1 is right: 0 means that nobody acts, 2 that two act at once.",
            (q("sum(dcs_operator_leader{{all}})"),),
            kind="stat",
            width=4,
            steps=((0, "red"), (1, "green"), (2, "orange")),
        ),
        Panel(
            "Replicas that answer",
            "Pods that Prometheus reaches. The chart starts 2.",
            (q("sum(up{{all}})"),),
            kind="stat",
            width=4,
            steps=BAD_IS_ZERO,
        ),
        Panel(
            "Waiting",
            "Tasks that are neither stopped nor accepted nor over. Above 0 for seconds is normal.",
            (q(tasks(WAITING, "")),),
            kind="stat",
            width=4,
            steps=GOOD_IS_ZERO,
        ),
        Panel(
            "Being stopped",
            "DCS accepted the stop and has not said TERMINATED yet.",
            (q(tasks(STOPPING, "")),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Only their owner can help",
            "The migration failed, or DCS does not know the id: see READY and REASON of the tasks.",
            (q(tasks(BROKEN, "")),),
            kind="stat",
            width=4,
            steps=GOOD_IS_ZERO,
        ),
        Panel(
            "Who leads",
            "1 on the replica that acts. A change is a restart, a rollout or a lost Lease.",
            (q("dcs_operator_leader{{all}}", "{{namespace}}/{{pod}} {{instance}}"),),
            width=24,
        ),
    ),
)

TASKS = Row(
    "Tasks",
    (
        Panel(
            "By phase",
            "What DCS says. A stop leads from an active word over TERMINATING to TERMINATED.",
            (q(tasks("", "phase"), "{{phase}}"),),
            kind="bars",
            width=12,
        ),
        Panel(
            "By Ready",
            "False: under way, or a person is needed. Unknown: nobody has written to it yet.",
            (q(tasks("", "ready"), "{{ready}}"),),
            kind="bars",
            width=12,
        ),
    ),
)

STOPS = Row(
    "Stops",
    (
        Panel(
            "Waiting and being stopped",
            "A hill that shrinks is work; a plateau is trouble: look at the calls below.",
            (q(tasks(WAITING, ""), "waiting"), q(tasks(STOPPING, ""), "being stopped")),
        ),
        Panel(
            "From the wish to TERMINATED",
            "Mostly DCS's own time. Throttling and outages add to it. Gaps: nothing ended.",
            (
                q(quantile(0.5, "dcs_operator_stop_seconds"), "half"),
                q(quantile(0.9, "dcs_operator_stop_seconds"), "nine of ten"),
            ),
            unit="s",
        ),
        Panel(
            "What became of each ordered id, per minute",
            "rejected: DCS refused this id. unknown: no answer; DCS is asked again first.",
            (q(per_minute("dcs_operator_stop_results_total", "result"), "{{result}}"),),
            kind="bars",
        ),
    ),
)

CUTOVERS = Row(
    "Cutovers and waves",
    (
        Panel(
            "Cutovers by state",
            "Tasks with spec.cutover. From waiting (also at Hold) over caught_up and stopping to"
            " stopped. trouble and paused need a person: see docs/cutover.md.",
            (
                q(
                    "sum by (state) (max by (namespace, job, state)"
                    " (dcs_operator_cutover_tasks{{all}}))",
                    "{{state}}",
                ),
            ),
            kind="bars",
            width=12,
        ),
        Panel(
            "In trouble or paused",
            "Timed out, refused, failed, without its wave; or behind a wave that failures paused.",
            (
                q(
                    "sum(max by (namespace, job, state)"
                    ' (dcs_operator_cutover_tasks{{all}, state=~"trouble|paused"})) or vector(0)'
                ),
            ),
            kind="stat",
            width=4,
            steps=GOOD_IS_ZERO,
        ),
        Panel(
            "Stopped with a lag, so far",
            "Cutovers whose order left although the lag was above 0: maxLag or StopAnyway say so.",
            (
                q(
                    "sum(dcs_operator_stop_lag_count{{all}})"
                    ' - sum(dcs_operator_stop_lag_bucket{{all}, le="0.0"}) or vector(0)'
                ),
            ),
            kind="stat",
            width=4,
            steps=GOOD_IS_ZERO,
        ),
        Panel(
            "Cutovers that ended, so far",
            "Ordered, and DCS said TERMINATED.",
            (q("sum(dcs_operator_cutover_seconds_count{{all}}) or vector(0)"),),
            kind="stat",
            width=4,
        ),
        Panel(
            "From the opening to TERMINATED",
            "Mostly the time until the lag rests. Near the timeout: writers were not stopped.",
            (
                q(quantile(0.5, "dcs_operator_cutover_seconds"), "half"),
                q(quantile(0.9, "dcs_operator_cutover_seconds"), "nine of ten"),
            ),
            unit="s",
        ),
        Panel(
            "Lag when the order left",
            "In DCS's own unit. 0 unless maxLag is above it or StopAnyway was due.",
            (
                q(quantile(0.5, "dcs_operator_stop_lag"), "half"),
                q(quantile(0.99, "dcs_operator_stop_lag"), "99 of 100"),
            ),
        ),
        Panel(
            "Samples of lags per minute",
            "Calls for stats: up to 600 per access key while cutovers are open, 120 at Hold.",
            (
                q(
                    per_minute(
                        "dcs_operator_cloud_requests_total", "outcome", ', operation="stats"'
                    ),
                    "{{outcome}}",
                ),
            ),
            kind="bars",
        ),
    ),
)

CALLS = Row(
    "Calls of DCS",
    (
        Panel(
            "Per minute, by operation and outcome",
            "While stopping a list every 2 to 10 s, when only observing one a minute, else none.",
            (
                q(
                    per_minute("dcs_operator_cloud_requests_total", "operation, outcome"),
                    "{{operation}} {{outcome}}",
                ),
            ),
            kind="bars",
        ),
        Panel(
            "How long nine of ten calls take",
            "More than a second or two is unusual; 30 s is the time limit.",
            (
                q(
                    quantile(0.9, "dcs_operator_cloud_request_seconds", "operation"),
                    "{{operation}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Throttled",
            "Share of calls that DCS answers with 429. Now and then is normal, above 10 % is not.",
            (
                q(
                    'sum(rate(dcs_operator_cloud_requests_total{{all}, outcome="throttled"}{rate}))'
                    " / sum(rate(dcs_operator_cloud_requests_total{{all}}{rate}))",
                    "throttled",
                ),
            ),
            unit="percentunit",
        ),
    ),
)

BATCHING = Row(
    "Batching",
    (
        Panel(
            "Ids per order",
            "Near 50 while many wait is right; near 1 while many wait is not.",
            (
                q(
                    "sum(rate(dcs_operator_batch_size_sum{{all}}{rate}))"
                    " / sum(rate(dcs_operator_batch_size_count{{all}}{rate}))",
                    "mean",
                ),
                q(quantile(0.1, "dcs_operator_batch_size"), "one of ten is smaller than"),
            ),
        ),
        Panel(
            "Orders per minute",
            "Orders that DCS answered; 20 of them stop 1,000 tasks.",
            (q("60 * sum(rate(dcs_operator_batch_size_count{{all}}{rate}))", "orders"),),
            kind="bars",
        ),
        Panel(
            "Orders that had to be halved, so far",
            "By DCS's code. One bad id spoils a whole order and costs about six halvings, once.",
            # The count itself: a code met for the first time begins above 0, unseen by `rate`.
            (q("sum by (reason) (dcs_operator_batch_splits_total{{all}})", "{{reason}}"),),
        ),
    ),
)

MACHINE = Row(
    "Statuses, snapshots, process",
    (
        Panel(
            "Status writes per minute",
            "ok: two for each stopped task. gone: the task was deleted. error: tried again.",
            (q(per_minute("dcs_operator_status_writes_total", "outcome"), "{{outcome}}"),),
            kind="bars",
            width=6,
        ),
        Panel(
            "Age of the last complete list",
            "By cloud project. It means nothing while no task of the project is watched.",
            (q("max by (project) (dcs_operator_snapshot_age_seconds{{all}})", "{{project}}"),),
            unit="s",
            width=6,
        ),
        Panel(
            "Memory",
            "Resident memory: about 75 MiB with 1,000 tasks, 110 MiB with 10,000.",
            (q("process_resident_memory_bytes{{all}}", "{{pod}} {{instance}}"),),
            unit="bytes",
            width=6,
        ),
        Panel(
            "CPU",
            "Share of one core. About 2 ms for each stopped task, and hardly anything when idle.",
            (q("rate(process_cpu_seconds_total{{all}}{rate})", "{{pod}} {{instance}}"),),
            unit="percentunit",
            width=6,
        ),
    ),
)

STRANGERS = Row(
    "What should not be there",
    (
        Panel(
            "Other installations of the operator",
            "That watch some of the same namespaces. Anything above 0 has to be resolved.",
            (q("max(dcs_operator_overlaps{{all}})", "installations"),),
        ),
        Panel(
            "Statuses that somebody else replaced, per minute",
            "A second operator, a restored backup, or a person with an editor.",
            (q("60 * sum(rate(dcs_operator_status_overwrites_total{{all}}{rate}))", "statuses"),),
            kind="bars",
        ),
        Panel(
            "Resources that were left aside, so far",
            "unreadable: its content makes no sense. internal: an error of the operator's own.",
            (q("sum by (kind) (dcs_operator_resource_errors_total{{all}})", "{{kind}}"),),
        ),
    ),
)

ROWS = (HEALTH, TASKS, STOPS, CUTOVERS, CALLS, BATCHING, MACHINE, STRANGERS)
