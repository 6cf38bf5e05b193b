"""When each alert fires and when it stays silent: a bad day, and days that only look like one.

Owns the cases only, in the order of the rules; `test_alerts.py` has promtool play them.
"""

from __future__ import annotations

from monitoring.alert_days import (
    LIST,
    OPERATOR,
    STOP,
    Day,
    age,
    calls,
    cutovers,
    leader,
    metric,
    orders,
    splits,
    stops,
    tasks,
    unavailable,
    writes,
)

AVAILABILITY = {
    "DCSOperatorAbsent": (
        Day("no pod is scraped", "6m", {'up{job="other"}': "1x10"}, {}),
        Day("one is", "6m", leader("0x10")),
        Day("a pause of two minutes", "8m", leader("1x3 stale _x1 1x5")),
    ),
    "DCSOperatorNoLeader": (
        Day("none of two", "6m", leader("0x9") | leader("0x9", "b"), OPERATOR),
        Day("one of two", "6m", leader("0x9") | leader("1x9", "b")),
        Day("a long takeover", "8m", leader("1x2 0x3 1x9")),
    ),
    "DCSOperatorSeveralLeaders": (
        Day("two of two", "6m", leader("1x9") | leader("1x9", "b"), OPERATOR, value="2"),
        Day("one of two", "6m", leader("1x9") | leader("0x9", "b")),
        Day("old and new seen at once", "6m", leader("1x4 0x9") | leader("0x3 1x9", "b")),
    ),
    "DCSOperatorOverlap": (
        Day(
            "two releases",
            "6m",
            metric("dcs_operator_overlaps", "1x9") | metric("dcs_operator_overlaps", "1x9", "b"),
            OPERATOR,
            value="1",
        ),
        Day("one replaces the other", "8m", metric("dcs_operator_overlaps", "1x3 0x9")),
        Day("alone", "6m", metric("dcs_operator_overlaps", "0x9")),
    ),
    "DCSOperatorReplicaDown": (
        Day(
            "one does not answer",
            "16m",
            metric("up", "0x20") | metric("up", "1x20", "b"),
            OPERATOR | {"instance": "a"},
        ),
        Day(
            "one does not answer under another name",
            "16m",
            metric("up", "0x20", job="stopper")
            | metric("up", "1x20", "b", job="stopper")
            # Both were seen once; only the other one still is.
            | metric("dcs_operator_leader", "0 stale", job="stopper")
            | metric("dcs_operator_leader", "1x20", "b", job="stopper"),
            OPERATOR | {"instance": "a", "job": "stopper"},
        ),
        Day("somebody else does not", "16m", {'up{job="other"}': "0x20"}),
        Day(
            "somebody else beside it does not",
            "16m",
            metric("up", "0x20", job="other") | leader("1x20") | metric("up", "1x20"),
        ),
        Day("a restart", "16m", metric("up", "1x9 0x1 1x9")),
    ),
    "DCSOperatorNotReady": (
        Day(
            "one is not",
            "16m",
            unavailable("1x20"),
            {"namespace": "dcs", "deployment": "eu-dcs-migration-operator"},
            value="1",
        ),
        Day(
            "one is not under another name",
            "16m",
            unavailable("1x20", "stopper") | metric("dcs_operator_leader", "1x20", job="stopper"),
            {"namespace": "dcs", "deployment": "stopper"},
            value="1",
        ),
        Day("somebody else is not", "16m", unavailable("1x20", "other") | leader("1x20")),
        Day("a rollout", "16m", unavailable("1x5 0x20")),
    ),
    "DCSOperatorTasksIgnored": (
        Day(
            "three without a status",
            "6m",
            tasks("NONE", "Unknown", "3x9") | tasks("NONE", "Unknown", "3x9", "b"),
            OPERATOR,
            value="3",
        ),
        Day("a moment", "6m", tasks("NONE", "Unknown", "0x3 9 0x9")),
        Day("all have one", "6m", tasks("PENDING", "False", "3x9")),
    ),
    "DCSOperatorStatusWritesFailing": (
        Day(
            "five of six fail",
            "31m",
            writes("error", "0+5x40") | writes("ok", "0+1x40"),
            OPERATOR,
            value="83.33%",
        ),
        Day("one of twenty fails", "31m", writes("error", "0+1x40") | writes("ok", "0+19x40")),
        Day("resources were deleted", "31m", writes("gone", "0+5x40") | writes("ok", "0+1x40")),
    ),
}

STOPS = {
    "DCSOperatorStopsStuck": (
        Day(
            "none ends",
            "31m",
            tasks("TERMINATING", "False", "5x40")
            | metric("dcs_operator_stop_seconds_count", "3x40"),
            OPERATOR,
            value="5",
        ),
        Day(
            "a long queue that moves",
            "31m",
            tasks("TERMINATING", "False", "500x40")
            | metric("dcs_operator_stop_seconds_count", "0+1x40"),
        ),
        Day(
            "nothing is being stopped",
            "31m",
            tasks("TERMINATING", "False", "0x40")
            | metric("dcs_operator_stop_seconds_count", "3x40"),
        ),
    ),
    "DCSOperatorStopsSlow": (
        Day(
            "between five and ten minutes",
            "20m",
            stops(s300="0x40", s600="0+1x40", sinf="0+1x40"),
            OPERATOR,
            value="9m 30s",
        ),
        Day("one of twenty", "20m", stops(s300="0+19x40", s600="0+20x40", sinf="0+20x40")),
        Day("none at all", "20m", stops(s300="7x40", s600="9x40", sinf="9x40")),
    ),
    "DCSOperatorTasksWaiting": (
        Day(
            "refused by DCS",
            "31m",
            tasks("INCRMIGEATING", "False", "2x40") | tasks("INCRMIGEATING", "False", "2x40", "b"),
            OPERATOR,
            value="2",
        ),
        Day("never asked", "31m", tasks("PENDING", "False", "1x40"), OPERATOR, value="1"),
        Day(
            "only their owner can help",
            "31m",
            tasks("FAILED", "False", "2x40") | tasks("DELETED", "False", "2x40"),
        ),
        Day(
            "observed or being stopped",
            "31m",
            tasks("MIGRATING", "True", "2x40") | tasks("TERMINATING", "False", "2x40"),
        ),
        Day("for a while", "31m", tasks("MIGRATING", "False", "2x9 0x40")),
        Day("none all day", "31m", tasks("MIGRATING", "False", "0x40")),
    ),
    "DCSOperatorBatchingLost": (
        Day(
            "one id each while 200 wait",
            "25m",
            orders("0+4x40", "0+4x40") | tasks("MIGRATING", "False", "200x40"),
            OPERATOR,
            value="1",
        ),
        Day(
            "full orders",
            "25m",
            orders("0+4x40", "0+200x40") | tasks("MIGRATING", "False", "200x40"),
        ),
        Day(
            "one by one by hand",
            "25m",
            orders("0+4x40", "0+4x40") | tasks("MIGRATING", "False", "40x40"),
        ),
        Day(
            "each when it has caught up",
            "25m",
            orders("0+4x40", "0+4x40")
            | tasks("MIGRATING", "False", "200x40")
            | cutovers("waiting", "200x40"),
        ),
        Day(
            "a few single ones",
            "25m",
            orders("0+1x40", "0+1x40") | tasks("MIGRATING", "False", "200x40"),
        ),
    ),
    "DCSOperatorOrdersSplit": (
        Day(
            "again and again",
            "40m",
            splits("DCS.4855", "0+2x60"),
            OPERATOR | {"reason": "DCS.4855"},
            value="60",
        ),
        Day(
            "many at once with a new code",
            "50m",
            splits("DCS.4855", "_x39 40x60"),
            OPERATOR | {"reason": "DCS.4855"},
            value="40",
        ),
        Day("one bad id with a new code", "50m", splits("DCS.4855", "_x39 6x60")),
        Day("many at once but long ago", "80m", splits("DCS.4855", "_x39 40x60")),
        Day("one bad id", "40m", splits("DCS.4855", "0x20 6x40")),
    ),
}

CUTOVERS = {
    "DCSOperatorCutoverTrouble": (
        Day(
            "one timed out",
            "6m",
            # A standby knows nothing of where they are.
            cutovers("trouble", "1x9") | cutovers("trouble", "0x9", "b"),
            OPERATOR,
            value="1",
        ),
        Day("they wait", "6m", cutovers("trouble", "0x9") | cutovers("waiting", "60x9")),
        Day("fixed at once", "8m", cutovers("trouble", "1x3 0x9")),
    ),
    "DCSOperatorWavePaused": (
        Day(
            "ten wait behind a failure",
            "6m",
            cutovers("paused", "10x9") | cutovers("paused", "0x9", "b"),
            OPERATOR,
            value="10",
        ),
        Day("it holds", "6m", cutovers("paused", "0x9") | cutovers("waiting", "60x9")),
        Day("somebody was there", "8m", cutovers("paused", "10x3 0x9")),
    ),
}

CLOUD = {
    "DCSOperatorAllCallsRefused": (
        Day(
            "a wrong key",
            "20m",
            calls("list", "auth", "1 2x4 3x5 4x5 5x5") | calls("list", "ok", "9x30"),
            OPERATOR | LIST,
        ),
        Day(
            "stops are forbidden",
            "20m",
            calls("list", "ok", "0+4x30") | calls("batch_stop", "auth", "0+1x30"),
            OPERATOR | STOP,
        ),
        Day(
            "one project of several",
            "20m",
            calls("list", "ok", "0+4x30") | calls("list", "auth", "0+1x30"),
        ),
        Day("fixed", "40m", calls("list", "auth", "0 1 2 2x50")),
    ),
    "DCSOperatorKeyRefused": (
        Day(
            "one project of several",
            "40m",
            calls("list", "ok", "0+4x50") | calls("list", "auth", "0+1x50"),
            OPERATOR,
        ),
        Day("fixed", "40m", calls("list", "auth", "0 1 2 2x50")),
        Day("other errors", "40m", calls("list", "client_error", "0+1x50")),
    ),
    "DCSOperatorCloudUnreachable": (
        Day(
            "no answer",
            "31m",
            calls("list", "timeout", "0+1x40") | calls("list", "ok", "9x40"),
            OPERATOR | LIST,
        ),
        Day("DCS is down", "31m", calls("batch_stop", "server_error", "0+1x40"), OPERATOR | STOP),
        Day(
            "some calls work",
            "31m",
            calls("list", "timeout", "0+1x40") | calls("list", "ok", "0+1x40"),
        ),
        Day("nothing to do", "31m", calls("list", "timeout", "9x40")),
    ),
    "DCSOperatorThrottled": (
        Day(
            "every second call",
            "31m",
            calls("list", "throttled", "0+1x40") | calls("list", "ok", "0+1x40"),
            OPERATOR,
            value="50%",
        ),
        Day(
            "now and then",
            "31m",
            calls("list", "throttled", "0+1x40") | calls("list", "ok", "0+19x40"),
        ),
    ),
    "DCSOperatorSnapshotOld": (
        Day(
            "while a stop is under way",
            "25m",
            age("p1", "0+60x40") | age("p2", "5x40") | tasks("TERMINATING", "False", "1x40"),
            OPERATOR | {"project": "p1"},
            value="25m 0s",
        ),
        Day(
            "while one waits",
            "25m",
            age("p1", "0+60x40") | tasks("PENDING", "False", "1x40"),
            OPERATOR | {"project": "p1"},
            value="25m 0s",
        ),
        Day(
            "nothing to look at",
            "25m",
            age("p1", "0+60x40") | tasks("TERMINATING", "False", "0x40"),
        ),
        Day("looked at rarely", "25m", age("p1", "700x40") | tasks("TERMINATING", "False", "1x40")),
    ),
}

DAYS = AVAILABILITY | STOPS | CUTOVERS | CLOUD
