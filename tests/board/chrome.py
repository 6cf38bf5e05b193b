"""A browser and a tab of it, in the words of the board: rows, counts, notices.

The door to selenium.
"""

from __future__ import annotations

import base64
import os
import shutil
import time
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from board import tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

KEYS: Final = {"Enter": Keys.ENTER, "Esc": Keys.ESCAPE, "Down": Keys.ARROW_DOWN, "End": Keys.END}
KEYS_MORE: Final = {"Up": Keys.ARROW_UP, "Home": Keys.HOME, "PageDown": Keys.PAGE_DOWN}

OPTIONS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars"),
    # A name that somebody has bent to this machine, as a page of another site could.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
)
"""Without the sandbox, because the tests run as root in containers; the pages are our own."""

WAIT_S_MAX: Final = 30.0
POLL_S: Final = 0.05

POLICY_WORDS: Final = ("Content Security Policy", "TrustedHTML")

WIDTH_PX, HEIGHT_PX = 1280, 800

WATCH_VIOLATIONS: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
  (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def start(profile: str) -> Chrome:
    """Start a browser without anything of anybody in it."""
    binary = tools.browser()
    if binary is None:
        pytest.fail(
            f"there is no browser to look at the board with: `make browser`, or {tools.HOW}"
        )
    options = Options()
    options.binary_location = binary
    for one in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(one)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    os.environ["SE_OFFLINE"] = "true"  # the driver is there; nothing is looked for elsewhere
    return Chrome(options=options, service=Service(shutil.which(tools.DRIVER)))


class Tab:
    """A tab with a board in it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self._script = ""

    def cdp(self, what: str, **how: Any) -> dict[str, Any]:
        """Tell the browser something in its own protocol."""
        return cast("dict[str, Any]", self.driver.execute_cdp_cmd(what, how))

    def _log(self) -> list[dict[str, Any]]:
        """Return what the browser has said since this was last asked."""
        said = self.driver.get_log("browser")  # type: ignore[no-untyped-call] # selenium types little
        return cast("list[dict[str, Any]]", said)

    def reset(self) -> None:
        """Forget what tests before left behind."""
        self.driver.delete_all_cookies()
        self.cdp("Network.clearBrowserCookies")
        self.look(scheme="light", languages="en-US,en", width_px=WIDTH_PX, height_px=HEIGHT_PX)
        made = self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH_VIOLATIONS)
        self._script = str(made["identifier"])
        self._log()

    def look(
        self,
        *,
        scheme: str = "",
        languages: str = "",
        width_px: int = 0,
        height_px: int = HEIGHT_PX,
    ) -> None:
        """Set what the next page that is opened finds."""
        if scheme:
            feature = {"name": "prefers-color-scheme", "value": scheme}
            self.cdp("Emulation.setEmulatedMedia", features=[feature])
        if languages:
            agent = self.driver.execute_script("return navigator.userAgent")
            self.cdp("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=languages)
        if width_px:
            self.cdp(
                "Emulation.setDeviceMetricsOverride",
                width=width_px,
                height=height_px,
                deviceScaleFactor=1,
                mobile=False,
            )

    def leave(self) -> None:
        """Leave the page, so that its streams end."""
        self.driver.get("about:blank")
        self.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=self._script)

    def complaints(self) -> list[str]:
        """Return what was against the policy, and what went wrong in scripts."""
        found = [str(one) for one in self.js("return window.violations || []")]
        for entry in self._log():
            text = str(entry["message"])
            broken = entry["level"] == "SEVERE" and "Failed to load resource" not in text
            if broken or any(word in text for word in POLICY_WORDS):
                found.append(text)
        return found

    def forgive(self) -> None:
        """Forget what was refused so far: the test wanted it to be."""
        self.js("window.violations = []")
        self._log()

    def open(self, url: str) -> None:
        """Open a board and wait until it shows what there is."""
        self.driver.get(url)
        self.wait(lambda: self.js("return document.body.hasAttribute('data-ready')"), "a board")

    def js(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait_long(self, true: Callable[[], object], what: str) -> None:
        """Wait for what the board only asks for a few times a minute."""
        self.wait(true, what, 3 * WAIT_S_MAX)

    def wait(self, true: Callable[[], object], what: str, wait_s_max: float = WAIT_S_MAX) -> None:
        """Wait until something is true; fails with what was waited for."""
        until_s = time.monotonic() + wait_s_max
        while not true():
            if time.monotonic() > until_s:
                pytest.fail(f"waited for {what}; the page says: {self.text('body')[:2000]}")
            time.sleep(POLL_S)

    def find(self, css: str) -> WebElement:
        """Return an element."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def count(self, css: str) -> int:
        """Return how many elements there are."""
        return len(self.driver.find_elements(By.CSS_SELECTOR, css))

    def text(self, css: str) -> str:
        """Return what can be read there; empty if it is not there, or hidden."""
        script = """
        const found = document.querySelector(arguments[0]);
        return found && found.checkVisibility() ? found.innerText : "";
        """
        return str(self.js(script, css)).strip()

    def click(self, css: str) -> None:
        """Click on something."""
        self.find(css).click()

    def type(self, *keys: str) -> None:
        """Press keys one after the other: a letter, or a name of `KEYS`."""
        named = KEYS | KEYS_MORE
        ActionChains(self.driver).send_keys("".join(named.get(key, key) for key in keys)).perform()

    def rows(self) -> list[str]:
        """Return the names of the rows that are in the document, in their order on the screen."""
        script = """
        return [...document.querySelectorAll("#rows-space .row")]
          .sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
          .map((row) => row.querySelector(".c-name").textContent);
        """
        return [str(name) for name in self.js(script)]

    def row(self, name: str) -> dict[str, str]:
        """Return the cells of a row."""
        script = """
        const row = [...document.querySelectorAll("#rows-space .row")]
          .find((one) => one.querySelector(".c-name").textContent === arguments[0]);
        return row && Object.fromEntries([...row.children].map(
          (cell) => [cell.className.match(/c-(\\w+)/)[1], cell.textContent]));
        """
        return cast("dict[str, str]", self.js(script, name) or {})

    def counts(self) -> dict[str, int]:
        """Return the counts that are not 0, by state."""
        script = """
        const count = (chip) => Number(chip.querySelector("b").textContent.replace(/\\D/g, ""));
        return Object.fromEntries([...document.querySelectorAll(".chip")].map(
          (chip) => [chip.dataset.state, count(chip)]));
        """
        return {state: int(n) for state, n in self.js(script).items() if n}

    @property
    def notice(self) -> str:
        """Which notice is shown; empty for none."""
        script = """
        const box = document.getElementById("notice");
        return box.hidden ? "" : box.dataset.notice;
        """
        return str(self.js(script))

    @property
    def query(self) -> str:
        """What the address says behind its path."""
        return str(self.js("return location.search"))

    def shot(self, path: Path) -> None:
        """Keep what can be seen as a picture."""
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = self.cdp("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(taken["data"]))
