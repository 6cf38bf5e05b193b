"""Bodies that are not quite JSON, and texts that are not fit to be shown: one name suffers."""

from __future__ import annotations

import json
import random
import string
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.errors import OutcomeUnknown
from dcs_migration_operator.core.model import Observation
from dcs_migration_operator.dcs import answers
from dcs_migration_operator.dcs.decoding import NOT_JSON, parsed
from dcs_migration_operator.dcs.scrub import LEFT_OUT, Scrub
from support import make
from unit.dcs.bodies import OTHER_ID, SCRUB

NEIGHBOUR: Final = Observation("MIGRATING", OTHER_ID, "名前", "incremental_migration", "a", "b")


def page_with(name: bytes) -> bytes:
    """Return a page of two tasks, the first of which has a name of these bytes."""
    neighbour = {
        "task_id": OTHER_ID,
        "status": "MIGRATING",
        "task_name": "名前",
        "migration_method": "incremental_migration",
        "source_instance_name": "a",
        "target_instance_name": "b",
    }
    row = b'{"task_id": "%b", "task_name": "%b", "status": "TERMINATED"}' % (
        make.TASK_ID.encode(),
        name,
    )
    other = json.dumps(neighbour, ensure_ascii=False).encode()
    return b'{"count": 2, "migration_tasks": [%b, %b]}' % (row, other)


@pytest.mark.parametrize(
    "name, read",
    [
        (b"tab\tand line\nend", "tab and line end"),
        (b"nul\0 bell\x07 escape\x1b[31m", "nul\ufffd bell\ufffd escape\ufffd[31m"),
        ("订单缓存".encode("gbk"), "\ufffd" * 4),
        ("許誠".encode("gbk"), "\ufffd\ufffd"),  # the second byte of the last one is a backslash
        ("誠誠".encode("gbk") + b'\\"', '\ufffd\ufffd"'),  # and here a real one follows
        ("乗亄".encode("gbk"), "\ufffd\ufffd"),  # further ones that JSON has another use for
        (b"lat\xedn-1 caf\xe9", "lat\ufffd-1 caf\ufffd"),
        (b'caf\xe9\\"', 'caf\ufffd"'),  # and here a real one follows a single byte
        (b"cut \xe8\xae", "cut \ufffd"),
        (b"\xff\xfe\xc0\x80", "\ufffd\ufffd\ufffd"),
        (b"lone \\ud800 surrogate", "lone \ufffd surrogate"),
        (b"lone \xed\xa0\x80 surrogate", "lone \ufffd\ufffd surrogate"),
        (b"right \xe2\x80\xae to left", "right \ufffd to left"),
        (b"nul \\u0000 escaped", "nul \ufffd escaped"),
    ],
)
def test_a_broken_name_suffers_alone(name: bytes, read: str) -> None:
    """Raw control characters, GBK, Latin-1, half characters, surrogates: the page is read."""
    page = answers.list_page(page_with(name), "", SCRUB)
    mine, neighbour = page.tasks
    assert neighbour == NEIGHBOUR
    assert (mine.task_id, mine.word) == (make.TASK_ID, "TERMINATED")
    assert mine.name == read


@given(st.binary(max_size=40).filter(lambda name: not set(name) & set(b'"\\')))
def test_any_bytes_within_a_name_leave_the_neighbours_alone(name: bytes) -> None:
    """For all bytes but the two that mean something to JSON, unless GBK has a use for those."""
    page = answers.list_page(page_with(name), "", SCRUB)
    assert page.rows == 2
    assert page.tasks[-1] == NEIGHBOUR
    assert page.tasks[0].task_id == make.TASK_ID


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_every_encoding_of_json_is_read(encoding: str) -> None:
    """A mark at the beginning may be there or not."""
    assert parsed('{"名": ["前"]}'.encode(encoding)) == {"名": ["前"]}


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xef\xbb\xbf", b'{"a": \xff}', b"{" * 100_000])
def test_what_is_no_json_is_a_value_of_its_own(body: bytes) -> None:
    """Nothing is raised."""
    assert parsed(body) is NOT_JSON


@pytest.mark.parametrize("body", [b"nul\x00", b"lone \\udfff"])
def test_a_word_that_breaks_pages_is_made_visible(body: bytes) -> None:
    """It becomes a label of the metrics and a field of a status."""
    page = b'{"migration_tasks": [{"task_id": "t", "status": "%b"}]}' % body
    (seen,) = answers.list_page(page, "", SCRUB).tasks
    assert seen.word.endswith("\ufffd")
    assert seen.word.encode()


@pytest.mark.parametrize("task_id, word", [(" t\n", "TERMINATED "), ("t", "\tTERMINATED")])
def test_blanks_around_ids_and_words_do_not_matter(task_id: str, word: str) -> None:
    """In the list and in show."""
    row = {"task_id": task_id, "status": word}
    (listed,) = answers.list_page(json.dumps({"migration_tasks": [row]}).encode(), "", SCRUB).tasks
    assert listed == answers.shown_task(json.dumps(row).encode(), "", SCRUB)
    assert (listed.task_id, listed.word) == ("t", "TERMINATED")


@pytest.mark.parametrize("number", range(20))
def test_no_row_of_a_full_page_is_lost_to_the_look_for_keys(number: int) -> None:
    """It holds for each key and id: a key of 20, a secret of 40 and a token of 2,048 characters."""
    drawn = random.Random(number)  # noqa: S311 - it only has to be the same each time
    letters = string.ascii_letters + string.digits + "+/=_-"
    scrub = Scrub(["".join(drawn.choices(letters, k=size)) for size in (20, 40, 2048)])
    ids = [str(UUID(int=drawn.getrandbits(128))) for _ in range(1000)]
    rows = [{"task_id": one, "status": "MIGRATING", "task_name": f"task-{one}"} for one in ids]
    page = answers.list_page(
        json.dumps({"migration_tasks": rows}).encode(), "", scrub.of_request(f"{number:064x}")
    )
    assert [seen.task_id for seen in page.tasks] == ids
    assert [seen.name for seen in page.tasks] == [f"task-{one}" for one in ids]


SECRET: Final = "k3YqZr8Vn1bT6wXe0Pm5Lc9Ds2Gf7HjJ"
KNOWING: Final = Scrub([SECRET])


@pytest.mark.parametrize(
    "field",
    [
        *("status", "task_name", "migration_method", "source_instance_name"),
        *("source_instance_id", "target_instance_name", "data_source"),
    ],
)
def test_no_text_of_a_row_repeats_a_credential(field: str) -> None:
    """Whichever field it stands in; the row is read all the same."""
    row = {"task_id": "t", "status": "MIGRATING", field: f"x {SECRET[4:20].upper()}"}
    page = answers.list_page(json.dumps({"migration_tasks": [row]}).encode(), "", KNOWING)
    (seen,) = page.tasks
    assert f"x {LEFT_OUT}" in repr(seen)


def test_an_id_that_repeats_a_credential_is_none() -> None:
    """An altered id would name another task."""
    row = {"task_id": SECRET, "status": "MIGRATING"}
    page = answers.list_page(json.dumps({"migration_tasks": [row]}).encode(), "", KNOWING)
    assert (page.rows, page.tasks) == (1, ())
    with pytest.raises(OutcomeUnknown):
        answers.shown_task(json.dumps(row).encode(), "", KNOWING)


def test_show_and_refusals_repeat_no_credential_either() -> None:
    """Names, instances, codes and messages."""
    said = f"x {SECRET}"
    body: dict[str, Any] = {"task_id": "t", "status": said, "migration_method": said}
    body |= {"source_instance": {"name": said}, "target_instance": {"addrs": said}}
    assert SECRET not in repr(answers.shown_task(json.dumps(body).encode(), "", KNOWING))
    item = {"task_id": "t", "result": "failed", "error_code": said, "error_msg": said}
    refused = answers.stop_answers(
        ["t"], json.dumps({"migration_tasks": [item]}).encode(), "", KNOWING
    )
    fault = answers.fault_of(400, json.dumps(item).encode(), "", KNOWING)
    assert SECRET not in f"{refused!r} {fault!r}"
