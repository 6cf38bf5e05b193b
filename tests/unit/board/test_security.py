"""Who may ask the board, as a table."""

from __future__ import annotations

import pytest

from kubectl_dcs.board import security
from kubectl_dcs.board.security import Keys

PORT = 4711
OWN = {"Host": "127.0.0.1:4711"}


@pytest.mark.parametrize(
    "method, path, headers",
    [
        pytest.param("GET", "/", OWN, id="typed"),
        pytest.param("GET", "/", {"Host": "localhost:4711"}, id="by the name of the machine"),
        pytest.param(
            "GET",
            "/",
            OWN | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
            id="a link in a chat",
        ),
        pytest.param("GET", "/api/events", OWN | {"Sec-Fetch-Site": "same-origin"}, id="the page"),
        pytest.param(
            "POST", "/api/wave", OWN | {"Origin": "http://127.0.0.1:4711"}, id="the page changes"
        ),
    ],
)
def test_the_page_and_who_opens_it_are_let_in(
    method: str, path: str, headers: dict[str, str]
) -> None:
    """Whether they know the secrets is asked afterwards."""
    assert security.refusal(method, path, headers, PORT) == ""


@pytest.mark.parametrize(
    "method, path, headers",
    [
        pytest.param("GET", "/", {}, id="no host"),
        pytest.param("GET", "/", {"Host": "evil.example:4711"}, id="a name bent to 127.0.0.1"),
        pytest.param("GET", "/", {"Host": "127.0.0.1"}, id="without the port"),
        pytest.param("GET", "/", {"Host": "127.0.0.1:4712"}, id="of another port"),
        pytest.param("GET", "/", {"Host": "127.0.0.1:4711.evil.example"}, id="a longer name"),
        pytest.param("GET", "/api/about", OWN | {"Origin": "http://evil.example"}, id="foreign"),
        pytest.param("GET", "/api/about", OWN | {"Origin": "null"}, id="a sandboxed frame"),
        pytest.param("GET", "/api/about", OWN | {"Origin": "http://localhost:4711"}, id="mixed"),
        pytest.param("GET", "/api/about", OWN | {"Sec-Fetch-Site": "cross-site"}, id="a script"),
        pytest.param("GET", "/api/about", OWN | {"Sec-Fetch-Site": "same-site"}, id="other port"),
        pytest.param(
            "GET",
            "/api/about",
            OWN | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
            id="data opened as a page",
        ),
        pytest.param("POST", "/api/wave", OWN, id="a change from nowhere"),
        pytest.param(
            "POST",
            "/",
            OWN
            | {
                "Origin": "http://127.0.0.1:4711",
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
            },
            id="a form from elsewhere",
        ),
    ],
)
def test_everybody_else_is_refused(method: str, path: str, headers: dict[str, str]) -> None:
    """Before anybody looks at cookies and tokens."""
    assert security.refusal(method, path, headers, PORT)


def test_each_run_has_its_own_secrets_and_none_of_them_is_shown() -> None:
    """Not by a traceback either."""
    one, other = Keys(), Keys()
    secrets = {one.address, one.session, one.change, other.address, other.session, other.change}
    assert len(secrets) == 6
    assert all(len(secret) >= 43 for secret in secrets)
    assert not any(secret in repr(one) for secret in secrets)


def test_two_boards_on_one_machine_do_not_take_each_others_cookie() -> None:
    """Cookies do not know ports."""
    assert security.cookie_name(1) != security.cookie_name(2)


def test_nothing_inline_and_nothing_from_elsewhere_may_run() -> None:
    """The policy is what holds if a text ever becomes markup."""
    assert "unsafe" not in security.POLICY
    assert "*" not in security.POLICY
    assert "default-src 'none'" in security.POLICY
    assert "http" not in security.POLICY


@pytest.mark.parametrize("given", ["", "x", "ä", "\ud800"])
def test_a_wrong_secret_is_wrong_whatever_it_is(given: str) -> None:
    """Also one that no text can be."""
    assert not security.is_same(given, "secret")
