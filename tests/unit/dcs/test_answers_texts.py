"""The texts that leave an answer: names, addresses and errors, and no secret among them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.dcs import answers
from dcs_migration_operator.dcs.answers import CODE_CHARS_MAX, ERROR_CHARS_MAX, NAME_CHARS_MAX
from support import make
from unit.dcs.bodies import BODIES, JSON, SCRUB, UNREADABLE


@pytest.mark.parametrize(
    "address, read",
    [
        ("192.168.1.2:6379", "192.168.1.2:6379"),
        ("[fe80::1]:6379, 192.168.1.2:6379", "[fe80::1]:6379, 192.168.1.2:6379"),
        ("default:REDIS-PW@192.168.1.2:6379", "192.168.1.2:6379"),
        ("default:RE@DIS-PW@192.168.1.2:6379", "192.168.1.2:6379"),
        ("redis://default:REDIS-PW@192.168.1.2:6379", "192.168.1.2:6379"),
        ("192.168.1.2:6379?password=REDIS-PW", ""),
        ("192.168.1.2:6379,password=REDIS-PW", ""),
        ("redis://192.168.1.2:6379/REDIS-PW", ""),
        ("", ""),
        ("@", ""),
    ],
)
def test_an_address_never_carries_user_information(address: str, read: str) -> None:
    """In the list and in show, where an instance has neither name nor id."""
    base = {"task_id": make.TASK_ID, "status": "MIGRATING"}
    row = base | {"data_source": address, "target_instance_addrs": address}
    shown = base | {"source_instance": {"addrs": address}, "target_instance": {"ip": address}}
    (listed,) = answers.list_page(json.dumps({"migration_tasks": [row]}).encode(), "", SCRUB).tasks
    seen = answers.shown_task(json.dumps(shown).encode(), "", SCRUB)
    assert listed == seen
    assert (seen.source, seen.target) == (read, read)


@given(st.text("abcxyz0189", min_size=12), st.dictionaries(st.sampled_from("abcdef"), JSON))
def test_a_password_never_leaves_a_show(secret: str, more: dict[str, Any]) -> None:
    """For all passwords, in each of the places where DCS puts one."""
    instance = {"addrs": f"u:{secret}@10.0.0.1:6379", "password": secret, "ip": None, **more}
    body = {"task_id": "t", "status": "MIGRATING", "password": secret, **more}
    body |= {"source_instance": instance, "target_instance": instance}
    assert secret not in repr(answers.shown_task(json.dumps(body).encode(), "", SCRUB))


def test_long_names_are_cut() -> None:
    """They are for recognition."""
    body = {"task_id": "t", "status": "MIGRATING", "task_name": "x" * 5000}
    assert len(answers.shown_task(json.dumps(body).encode(), "", SCRUB).name) == NAME_CHARS_MAX


class TestFault:
    """What an error answer says, in each of its known shapes."""

    @pytest.mark.parametrize(
        "body",
        [
            {"error_code": "DCS.4133", "error_msg": "no such job", "error_ext_msg": None},
            {"errorCode": "DCS.4133", "errorMsg": "no such job"},
            {"code": "DCS.4133", "message": "no such job"},
            {"error": {"code": "DCS.4133", "message": "no such job"}},
            {"error": {"error_code": "DCS.4133", "error_msg": "no such job"}},
        ],
    )
    def test_every_known_shape_is_read(self, body: object) -> None:
        """A fault may be flat, in camel case, short, or nested as in the old API."""
        fault = answers.fault_of(400, json.dumps(body).encode(), "req-3", SCRUB)
        assert (fault.code, fault.message, fault.request_id) == ("DCS.4133", "no such job", "req-3")

    def test_a_text_without_a_code_keeps_the_status(self) -> None:
        """There is always a code to act on."""
        fault = answers.fault_of(502, b'{"message": "bad gateway"}', "", SCRUB)
        assert (fault.code, fault.message) == ("HTTP 502", "bad gateway")

    @pytest.mark.parametrize("body", [*UNREADABLE, b'{"error_code": 17}', b'{"error": "x"}'])
    def test_an_unreadable_error_is_its_status(self, body: bytes) -> None:
        """Nothing of an HTML page is repeated."""
        fault = answers.fault_of(503, body, "req-4", SCRUB)
        assert (fault.code, fault.request_id) == ("HTTP 503", "req-4")
        assert fault.message == "the answer carried no readable error"

    @given(st.integers(100, 599), BODIES)
    def test_any_body_gives_a_short_fault(self, status: int, body: bytes) -> None:
        """Every body gives a code and a text, both within their limits."""
        fault = answers.fault_of(status, body, "", SCRUB)
        assert 0 < len(fault.code) <= CODE_CHARS_MAX
        assert len(fault.message) <= ERROR_CHARS_MAX
