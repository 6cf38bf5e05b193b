"""The undocumented behavior of DCS, as switches with a stated default.

Each field of `Switches` is one open question about the real service. The default is a guess, never
knowledge; a client must work with every value.

| switch | default | other values |
| --- | --- | --- |
| `malformed_in_batch` | `refuse`: 400 DCS.4855, nothing is ordered | `failed`: only that item |
| `unknown_in_batch` | `failed`: the item says DCS.4133 | `refuse`: 400 DCS.4855 for all |
| `stop_again` (already accepted or TERMINATING) | `success`: nothing changes | `failed`: DCS.4957 |
| `stop_ended` (TERMINATED, SUCCESS, FAILED, ...) | `failed`: DCS.4957 | `success` |
| `stop_idle` (CREATING, RUNNING) | `success`: it terminates | `failed`: DCS.4957 |
| `item_errors` | `True`: a failed item has error_code and error_msg | `False` |
| `duplicates` (one id twice in a batch) | `each`: one item per mention | `once`, `refuse` |
| `reply_order` | `request` | `reversed`, `sorted` |
| `echo_ids` | `sent`: ids come back as they were sent | `dashed`, `undashed`, `stored` |
| `list_words` | `fine`: all words | `documented`: the four of the list page |
| `list_count` | `total`: of all pages | `page`: rows in this page |
| `list_order` | `oldest` first | `newest` first |
| `list_name` (the filter `name`) | `contains` | `exact` |
| `list_rows_max` (whatever `limit` says) | `1000` rows in a page | any number from 1 |
| `list_end` | `ends` | `repeats` all rows over again, `invents` tasks never created |
| `log_count` (`log_num`) | `total`: of all pages | `page`: lines in this page |
| `restart_sync` (batch-restart) | `resume` the incremental phase | `full`: a full sync first |
| `stats_full_offset` (`offset` in the full phase) | `zero` | `backlog`, `missing` |
| `stats_offline` (stats of a backup import) | `answer` | `refuse`: 400 DCS.4133 |
| `stats_types` | `string`: all that Go and Java read | `number`: as in the example |
| `unknown_project` (not of this key) | `403` APIGW.0310 | `401` DCS.1004, `400` DCS.4002 |
| `error_texts` (see `texts.py`) | `plain` | `echo`, `echo_encoded`, `echo_cut`, `changing` |
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from sandbox.dcs import records


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """One value for each open question; see the table in the module's docstring."""

    malformed_in_batch: Literal["refuse", "failed"] = "refuse"
    unknown_in_batch: Literal["failed", "refuse"] = "failed"
    stop_again: Literal["success", "failed"] = "success"
    stop_ended: Literal["failed", "success"] = "failed"
    stop_idle: Literal["success", "failed"] = "success"
    item_errors: bool = True
    duplicates: Literal["each", "once", "refuse"] = "each"
    reply_order: Literal["request", "reversed", "sorted"] = "request"
    echo_ids: Literal["sent", "dashed", "undashed", "stored"] = "sent"
    list_words: Literal["fine", "documented"] = "fine"
    list_count: Literal["total", "page"] = "total"
    list_order: Literal["oldest", "newest"] = "oldest"
    list_name: Literal["contains", "exact"] = "contains"
    list_rows_max: int = 1000
    list_end: Literal["ends", "repeats", "invents"] = "ends"
    log_count: Literal["total", "page"] = "total"
    restart_sync: Literal["resume", "full"] = "resume"
    stats_full_offset: Literal["zero", "backlog", "missing"] = "zero"
    stats_offline: Literal["answer", "refuse"] = "answer"
    stats_types: Literal["string", "number"] = "string"
    unknown_project: Literal["403", "401", "400"] = "403"
    error_texts: Literal["plain", "echo", "echo_encoded", "echo_cut", "changing"] = "plain"

    def __post_init__(self) -> None:
        """Check the numbers; raises `ValueError` for a page without a row."""
        if self.list_rows_max < 1:
            raise ValueError("list_rows_max must be 1 or more")

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with `changes`; raises `ValueError` for an unknown switch or value."""
        return replace(self, **records.checked(type(self), changes))
