"""Who else is in the browser, or on the machine, sees nothing and changes nothing."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING, Any

import pytest

from board.served import SCOPE, Served
from kubectl_dcs.board.live import Live
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK, WAVE
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from board.chrome import Tab


@pytest.fixture
def other_site() -> Iterator[str]:
    """Serve an empty page of somebody else, on another port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>other</title><body>other")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://evil.example:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def known(tab: Tab, served: Served) -> str:
    """Log the browser in to a board; returns the board's origin."""
    served.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
    served.hear(News(What.LISTED, WAVE, (bodies.wave(),)))
    tab.open(served.url)
    assert served.server
    return f"http://127.0.0.1:{served.server.port}"


def tried(tab: Tab, script: str, *arguments: Any) -> Any:
    """Run a script that promises something, and return that."""
    return tab.driver.execute_async_script(script, *arguments)


FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(async (one) => done([one.type, one.status, await one.text()]))
  .catch((error) => done([error.name]));
"""

STREAM = """
const [url, done] = arguments;
const source = new EventSource(url, {withCredentials: true});
source.addEventListener("snapshot", (event) => done(event.data));
source.addEventListener("error", () => done("error"));
"""

FRAME = """
const [url, done] = arguments;
const frame = document.createElement("iframe");
frame.src = url;
frame.onload = () => { let seen; try { seen = frame.contentDocument.body.innerText; }
  catch (error) { seen = error.name; } done(seen); };
document.body.append(frame);
"""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"credentials": "include"},
        {"mode": "no-cors", "credentials": "include"},
        {"method": "POST", "credentials": "include", "body": "{}"},
        {"method": "POST", "credentials": "include", "headers": {"X-Board-Token": "x"}},
    ],
    ids=["plain", "with cookies", "no cors", "post", "post with header"],
)
@pytest.mark.parametrize("path", ["/api/about", "/api/wave"])
def test_a_page_of_another_site_reads_nothing(
    tab: Tab, known: str, other_site: str, path: str, options: dict[str, Any]
) -> None:
    """Although the browser has the session of the board."""
    tab.driver.get(other_site)
    answer = tried(tab, FETCH, known + path, options)
    assert answer in (["TypeError"], ["opaque", 0, ""])
    tab.forgive()


def test_a_page_of_another_site_can_neither_follow_nor_frame_the_board(
    tab: Tab, known: str, other_site: str
) -> None:
    """Nor one of another port of the same machine."""
    for page in (other_site, other_site.replace("evil.example", "127.0.0.1")):
        tab.driver.get(page)
        assert tried(tab, STREAM, f"{known}/api/events") == "error"
        assert tried(tab, FRAME, f"{known}/") in {"SecurityError", "TypeError"}
        assert "orders" not in tab.text("body")
    tab.forgive()


def test_a_name_bent_to_this_machine_opens_nothing(tab: Tab, known: str, served: Served) -> None:
    """Not even with the token: the name belongs to somebody else."""
    tab.driver.get(served.url.replace("127.0.0.1", "evil.example"))
    assert tab.text("body").startswith("This board answers to 127.0.0.1 and localhost")
    assert known not in tab.text("body")
    tab.forgive()


def test_without_the_token_there_is_a_sentence_and_nothing_else(tab: Tab, served: Served) -> None:
    """It says where the address is."""
    assert served.server
    tab.driver.get(f"http://127.0.0.1:{served.server.port}/")
    assert "Open the address that `kubectl dcs board` printed last" in tab.text("body")
    assert tab.count("script") == 0


def test_a_link_from_elsewhere_with_the_token_opens_the_page(
    tab: Tab, served: Served, other_site: str
) -> None:
    """As from a chat, where somebody was sent the address; the cookie works at once."""
    served.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
    tab.driver.get(other_site)
    tab.js("location.href = arguments[0]", served.url)
    tab.wait(lambda: tab.rows() == ["orders"], "the board")


def test_two_boards_are_open_side_by_side(tab: Tab, known: str) -> None:
    """Each with its own cookie, although cookies do not know ports."""
    with Served(lambda: Live(SCOPE)) as second:
        second.hear(News(What.LISTED, TASK, (bodies.task("carts"),)))
        tab.open(second.url)
        assert tab.rows() == ["carts"]
        tab.open(known)
        assert tab.rows() == ["orders"]


def test_the_policy_stops_what_gets_into_the_page_all_the_same(tab: Tab, known: str) -> None:
    """The last line: markup, scripts, styles and addresses that somebody has smuggled in."""
    assert known
    script = """
    const done = arguments[0];
    const box = document.createElement("div");
    document.body.append(box);
    const attempt = (what) => {
      try { what(); return "done"; } catch (error) { return error.name; }
    };
    // Later: what the driver itself runs may evaluate texts.
    setTimeout(() => done([
      attempt(() => { box.innerHTML = "<img src=x onerror='window.owned=1'>"; }),
      attempt(() => { Function("window.owned=1")(); }),
      attempt(() => {
        const added = document.createElement("script");
        added.append("window.owned=1");
        document.body.append(added);
      }),
      attempt(() => { box.setAttribute("onclick", "window.owned=1"); box.click(); }),
    ]));
    """
    assert tried(tab, script)[:2] == ["TypeError", "EvalError"]
    assert tried(tab, FETCH, "http://evil.example:1/", {}) == ["TypeError"]
    assert tab.js("return window.owned") is None
    stopped = " ".join(tab.js("return window.violations"))
    for rule in ("require-trusted-types-for", "connect-src"):
        assert rule in stopped
    tab.forgive()
