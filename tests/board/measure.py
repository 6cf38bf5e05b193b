"""Measures five thousand tasks, two hundred changes a second, for a minute: frames, memory, CPU.

`python -m board.measure` prints the figures of `docs/board.md`; wall-clock times depend on the
machine, so nothing is asserted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from board import chrome
from board.tools import BUILD

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SECONDS: Final = 60.0
QUIET_S: Final = 10.0
"""Scrolled without any change first: what the machine gives at best."""

MIB: Final = 2**20

FRAMES: Final = """
window.frames_ms = [];
let before = performance.now();
const scroller = document.getElementById("rows");
let way = 1;
const frame = (now) => {
  window.frames_ms.push(now - before);
  before = now;
  if (window.scrolling) {
    scroller.scrollTop += way * 97;
    const end = scroller.scrollHeight - scroller.clientHeight - 1;
    if (scroller.scrollTop <= 0 || scroller.scrollTop >= end) way = -way;
  }
  requestAnimationFrame(frame);
};
window.scrolling = true;
requestAnimationFrame(frame);
"""

LONG_TASKS: Final = """
window.long_ms = [];
const keep = (list) => list.getEntries().forEach((one) => window.long_ms.push(one.duration));
new PerformanceObserver(keep).observe({type: "longtask"});
"""


def start(*arguments: str) -> tuple[subprocess.Popen[str], IO[str], IO[str]]:
    """Start a board in a process of its own."""
    command = [sys.executable, "-m", "board.crowd", *arguments]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)


def tell(stdin: IO[str]) -> None:
    """Let the board go on."""
    stdin.write("\n")
    stdin.flush()


def renderer(driver: Chrome) -> tuple[int, float]:
    """Return memory, in MiB, and CPU time so far, in s, of the largest renderer: the tab's."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    queue, largest, spent_s = [driver.service.process.pid], 0, 0.0
    while queue:
        pid = queue.pop()
        queue += children.get(pid, [])
        try:
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
                if pages > largest:
                    largest, spent_s = pages, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return largest * os.sysconf("SC_PAGE_SIZE") // MIB, spent_s


def frames(tab: chrome.Tab) -> dict[str, Any]:
    """Return how long frames took."""
    found = sorted(float(one) for one in tab.js("return window.frames_ms"))
    long_ms = [float(one) for one in tab.js("return window.long_ms")]
    return {
        "frames": len(found),
        "frame_ms_median": round(found[len(found) // 2], 1),
        "frame_ms_99": round(found[int(len(found) * 0.99)], 1),
        "frame_ms_max": round(found[-1], 1),
        "long_tasks": len(long_ms),
        "long_task_ms_max": round(max(long_ms, default=0.0), 1),
    }


def memory(tab: chrome.Tab) -> dict[str, Any]:
    """Return what the tab holds, after a collection."""
    tab.cdp("HeapProfiler.collectGarbage")
    tab.cdp("Performance.enable")
    values = {one["name"]: one["value"] for one in tab.cdp("Performance.getMetrics")["metrics"]}
    return {
        "heap_mib": round(values["JSHeapUsedSize"] / MIB, 1),
        "nodes": int(values["Nodes"]),
        "rows": tab.count("#rows-space .row"),
        "tab_rss_mib": renderer(tab.driver)[0],
    }


def live(driver: Chrome, record: Path) -> dict[str, Any]:
    """Measure a live board, while it is scrolled all the time."""
    process, stdin, stdout = start("--seconds", str(SECONDS), "--record", str(record))
    tab = chrome.Tab(driver)
    tab.reset()
    tab.open(stdout.readline().strip())
    before = memory(tab)
    tab.js(LONG_TASKS + FRAMES)
    spent_s = renderer(driver)[1]
    time.sleep(QUIET_S)
    before |= frames(tab)
    before["tab_cpu_percent"] = round(100 * (renderer(driver)[1] - spent_s) / QUIET_S)
    spent_s = renderer(driver)[1]
    tab.js("window.frames_ms = []; window.long_ms = [];")
    tell(stdin)
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.append(stdout.readline()))
    reading.start()
    reading.join()
    figures: dict[str, Any] = json.loads(lines[0])
    figures["tab_cpu_percent"] = round(100 * (renderer(driver)[1] - spent_s) / figures["seconds"])
    figures |= {"without_changes": before} | frames(tab) | memory(tab)
    figures["messages_per_s"] = round(figures["messages"] / figures["seconds"], 2)
    tab.js("window.scrolling = false; document.getElementById('rows').scrollTop = 0")
    tab.shot(BUILD / "board-5000-light.png")
    tell(stdin)
    process.wait()
    return figures


def played(driver: Chrome, record: Path) -> dict[str, Any]:
    """Measure the recording of it, played at once its own speed."""
    process, stdin, stdout = start("--file", str(record))
    tab = chrome.Tab(driver)
    tab.open(stdout.readline().strip())
    tab.js(LONG_TASKS + FRAMES)
    tab.js(
        "const one = document.querySelector('.player select'); one.value = '1';"
        "one.dispatchEvent(new Event('change'));"
    )
    tab.click(".player-play")
    script = """
    const [done] = arguments, wait = setInterval(() => {
      const one = document.querySelector('.player input');
      if (Number(one.value) >= Number(one.max) - 0.2) { clearInterval(wait); done(); }
    }, 200);
    """
    driver.set_script_timeout(4 * SECONDS)
    driver.execute_async_script(script)
    figures = frames(tab) | memory(tab)
    tab.js("window.scrolling = false; document.getElementById('rows').scrollTop = 0")
    tab.shot(BUILD / "board-5000-played.png")
    figures["board_rss_mib"] = (
        int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        * os.sysconf("SC_PAGE_SIZE")
        // MIB
    )
    tell(stdin)
    process.wait()
    return figures


def main() -> None:
    """Measure, print, and keep the figures."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        driver = chrome.start(f"{folder}/profile")
        record = Path(folder) / "night"
        figures = {"live": live(driver, record)}
        size = sum(one.stat().st_size for one in Path(folder).glob("night*"))
        figures["played"] = played(driver, record) | {"file_mib": round(size / MIB, 1)}
        driver.quit()
    text = json.dumps(figures, indent=2)
    (BUILD / "figures.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
