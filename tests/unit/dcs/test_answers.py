"""What is read out of DCS's answers, what is left out, and what is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.errors import OutcomeUnknown
from dcs_migration_operator.core.model import Observation, Outcome, task_key
from dcs_migration_operator.dcs import answers
from support import make
from unit.dcs.bodies import BODIES, OTHER_ID, ROWS_WITHOUT_VALUE, SCRUB, UNREADABLE


def stop_of(*items: Any, ask: tuple[str, ...] = (make.TASK_ID,)) -> list[tuple[Outcome, str]]:
    """Return outcome and text for each id that was asked for."""
    body = json.dumps({"migration_tasks": items}).encode()
    found = answers.stop_answers(ask, body, "req-1", SCRUB)
    assert list(found) == [task_key(task_id) for task_id in ask]
    assert {answer.request_id for answer in found.values()} == {"req-1"}
    return [(a.outcome, a.detail.message if a.detail else "") for a in found.values()]


def item(result: object, task_id: object = make.TASK_ID, **fields: object) -> dict[str, object]:
    """Return one row of the answer to a batch-stop."""
    return {"task_id": task_id, "result": result, **fields}


class TestStop:
    """One answer per id that was asked for, whatever the body says."""

    def test_success_is_an_acceptance(self) -> None:
        """The acknowledgement of the order, without a fault."""
        assert stop_of(item("success")) == [(Outcome.ACCEPTED, "")]

    def test_failed_is_a_rejection_with_dcs_words(self) -> None:
        """Code, text and request id are what a person needs."""
        body = json.dumps(
            {"migration_tasks": [item("failed", error_code="DCS.4957", error_msg="not now")]}
        ).encode()
        (answer,) = answers.stop_answers([make.TASK_ID], body, "req-9", SCRUB).values()
        assert answer.outcome is Outcome.REJECTED
        assert answer.detail is not None
        assert (answer.detail.code, answer.detail.message) == ("DCS.4957", "not now")
        assert answer.detail.request_id == "req-9"

    @pytest.mark.parametrize("fields", [{}, {"error_code": None, "error_msg": 17}])
    def test_failed_without_words_is_a_rejection_all_the_same(self, fields: Any) -> None:
        """The vendor's page does not promise code and text."""
        assert stop_of(item("failed", **fields)) == [(Outcome.REJECTED, "")]

    @pytest.mark.parametrize("word", ["SUCCESS", "Success", "success ", "\tsuccess\n"])
    def test_case_and_blanks_of_a_result_do_not_matter(self, word: str) -> None:
        """It is lower case by the vendor's page only."""
        assert stop_of(item(word))[0][0] is Outcome.ACCEPTED
        assert stop_of(item(word.replace("ucce", "UCCE")))[0][0] is Outcome.ACCEPTED
        failed = word.lower().replace("success", "Failed")
        assert stop_of(item(failed))[0][0] is Outcome.REJECTED

    def test_an_id_may_be_called_id(self) -> None:
        """As create and configure call it; `task_id` outweighs it, and blanks do not matter."""
        assert stop_of({"id": make.TASK_ID, "result": "success"}) == [(Outcome.ACCEPTED, "")]
        both = {"task_id": make.TASK_ID, "id": OTHER_ID, "result": "success"}
        assert stop_of(both) == [(Outcome.ACCEPTED, "")]
        assert stop_of(item("success", f" {make.TASK_ID}\n")) == [(Outcome.ACCEPTED, "")]

    @pytest.mark.parametrize(
        "word", ["", " ", "later", "accepted", "successful", "true", None, True, 17, ["success"]]
    )
    def test_a_new_result_word_is_an_unknown_outcome(self, word: object) -> None:
        """Neither a success nor a failure is guessed."""
        assert stop_of(item(word)) == [
            (Outcome.UNKNOWN, "DCS answered with a result that is neither success nor failed")
        ]

    def test_a_forgotten_id_has_an_unknown_outcome(self) -> None:
        """The others keep theirs."""
        found = stop_of(item("success", OTHER_ID), ask=(make.TASK_ID, OTHER_ID))
        assert found == [
            (Outcome.UNKNOWN, "DCS did not mention this task in its answer"),
            (Outcome.ACCEPTED, ""),
        ]

    def test_an_id_mentioned_twice_alike_counts_once(self) -> None:
        """Duplicates of one result say nothing new."""
        assert stop_of(item("success"), item("success")) == [(Outcome.ACCEPTED, "")]

    @pytest.mark.parametrize("words", [("success", "failed"), ("failed", "success", "success")])
    def test_a_contradiction_is_an_unknown_outcome(self, words: tuple[str, ...]) -> None:
        """It stays one, however often either side is repeated."""
        assert stop_of(*map(item, words)) == [
            (Outcome.UNKNOWN, "DCS contradicted itself about this task")
        ]

    def test_ids_nobody_asked_for_are_left_out(self) -> None:
        """No answer for a stranger, and none taken from it."""
        assert stop_of(item("failed", OTHER_ID), item("success")) == [(Outcome.ACCEPTED, "")]

    def test_answers_are_matched_by_id_in_any_order_and_spelling(self) -> None:
        """Dashes, case and order of the ids do not matter."""
        found = stop_of(
            item("failed", OTHER_ID.upper()),
            item("success", make.TASK_ID.replace("-", "")),
            ask=(make.TASK_ID, OTHER_ID),
        )
        assert [outcome for outcome, _ in found] == [Outcome.ACCEPTED, Outcome.REJECTED]

    @pytest.mark.parametrize("row", [*ROWS_WITHOUT_VALUE, item("success", None)])
    def test_a_row_without_an_id_answers_for_nobody(self, row: object) -> None:
        """The rest of the answer is read on."""
        assert stop_of(row, item("success")) == [(Outcome.ACCEPTED, "")]
        assert stop_of(row)[0][0] is Outcome.UNKNOWN

    @given(BODIES, st.lists(st.sampled_from([make.TASK_ID, OTHER_ID]), min_size=1, unique=True))
    def test_any_body_gives_one_answer_per_id_or_an_unknown_outcome(
        self, body: bytes, ask: list[str]
    ) -> None:
        """For all bodies: nothing else is raised, no id is lost, none is added."""
        try:
            found = answers.stop_answers(ask, body, "", SCRUB)
        except OutcomeUnknown:
            return
        assert list(found) == [task_key(task_id) for task_id in ask]
        assert all(a.outcome is not Outcome.NONE for a in found.values())


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_answer_of_another_shape_is_an_error(body: bytes) -> None:
    """HTML, nothing, other JSON, or a list that is none: never a success, never a crash."""
    for read in (
        lambda: answers.stop_answers([make.TASK_ID], body, "req-2", SCRUB),
        lambda: answers.list_page(body, "req-2", SCRUB),
        lambda: answers.shown_task(body, "req-2", SCRUB),
    ):
        with pytest.raises(OutcomeUnknown) as caught:
            read()
        assert (caught.value.detail.code, caught.value.detail.request_id) == ("bad-answer", "req-2")
        assert "Gateway" not in str(caught.value)


class TestList:
    """One page: how many rows, and the readable ones."""

    def test_a_row_is_read_for_what_a_person_recognizes(self) -> None:
        """Word, id, name, method and both instances."""
        row = {
            "task_id": make.TASK_ID,
            "status": "MIGRATING",
            "task_name": "cache",
            "migration_method": "incremental_migration",
            "source_instance_name": "old",
            "source_instance_id": "id-old",
            "target_instance_id": "id-new",
            "error_message": "not read",
        }
        page = answers.list_page(json.dumps({"migration_tasks": [row]}).encode(), "", SCRUB)
        assert page.tasks == (
            Observation(
                "MIGRATING", make.TASK_ID, "cache", "incremental_migration", "old", "id-new"
            ),
        )

    def test_unreadable_rows_are_counted_and_left_out(self) -> None:
        """The next page starts behind them."""
        rows = [*ROWS_WITHOUT_VALUE, {"task_id": make.TASK_ID, "status": "NEW_WORD"}]
        page = answers.list_page(json.dumps({"migration_tasks": rows}).encode(), "", SCRUB)
        assert page.rows == len(rows)
        assert [seen.word for seen in page.tasks] == ["NEW_WORD"]

    def test_an_empty_page_is_no_error(self) -> None:
        """It is the end of the list."""
        assert answers.list_page(b'{"count": 0, "migration_tasks": []}', "", SCRUB).rows == 0

    @given(BODIES)
    def test_any_body_gives_a_page_or_an_unknown_outcome(self, body: bytes) -> None:
        """No body gives more tasks than rows, or a task without word and id."""
        try:
            page = answers.list_page(body, "", SCRUB)
        except OutcomeUnknown:
            return
        assert len(page.tasks) <= page.rows
        assert all(seen.word and seen.task_id for seen in page.tasks)


class TestShow:
    """One task: the fields that may leave, and no other."""

    @pytest.mark.parametrize("fields", ROWS_WITHOUT_VALUE)
    def test_a_show_without_id_or_status_is_an_error(self, fields: object) -> None:
        """All fields null is how the SDK reads an empty answer; here it is none."""
        with pytest.raises(OutcomeUnknown):
            answers.shown_task(json.dumps(fields).encode(), "", SCRUB)

    def test_wrong_types_elsewhere_do_not_matter(self) -> None:
        """What is not a text is left empty."""
        body = {"task_id": make.TASK_ID, "status": "SUCCESS", "task_name": 17}
        body |= {"migration_method": [], "source_instance": "x", "target_instance": {"name": {}}}
        seen = answers.shown_task(json.dumps(body).encode(), "", SCRUB)
        assert seen == Observation("SUCCESS", make.TASK_ID)

    @given(BODIES)
    def test_any_body_gives_a_sighting_or_an_unknown_outcome(self, body: bytes) -> None:
        """For all bodies: a sighting has a word and an id."""
        try:
            seen = answers.shown_task(body, "", SCRUB)
        except OutcomeUnknown:
            return
        assert seen.word
        assert seen.task_id
