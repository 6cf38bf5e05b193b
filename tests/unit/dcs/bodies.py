"""Bodies that DCS may answer with: readable, half readable and not at all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from dcs_migration_operator.dcs.scrub import Scrub
from support import make

SCRUB = Scrub(())
"""Of an account without secrets."""

OTHER_ID = "5130d57f-640a-435b-bc3a-0fb1860a5340"
ROWS_WITHOUT_VALUE: list[Any] = [
    None,
    17,
    "none",
    [],
    {},
    {"task_id": OTHER_ID},
    {"status": "MIGRATING"},
    {"task_id": 17, "status": "MIGRATING"},
    {"task_id": OTHER_ID, "status": None},
    {"task_id": "", "status": "MIGRATING"},
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "task_id": st.sampled_from([make.TASK_ID, OTHER_ID, ""]) | JSON,
        "result": st.sampled_from(["success", "failed", "FAILED", "later"]) | JSON,
        "status": st.sampled_from(["MIGRATING", "TERMINATED", ""]) | JSON,
        "error_code": st.text(max_size=90) | JSON,
        "error_msg": st.text(max_size=9) | JSON,
        "source_instance": JSON,
        "data_source": JSON,
    },
)
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    ITEMS.map(lambda item: json.dumps(item).encode()),
    st.lists(ITEMS | JSON, max_size=5).map(
        lambda rows: json.dumps({"migration_tasks": rows}).encode()
    ),
)
UNREADABLE: list[Any] = [
    b"",
    b"<html><body>Gateway</body></html>",
    b"null",
    b"[]",
    b'"text"',
    b"17",
    b"{",
    b"{}",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"migration_tasks": null}',
    b'{"migration_tasks": "none"}',
    b'{"migration_tasks": {"task_id": "x"}}',
    b'{"count": ' + b"9" * 5000 + b"}",
]
