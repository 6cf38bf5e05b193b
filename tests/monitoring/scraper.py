"""A real Prometheus that scrapes one operator and evaluates the project's rules."""

from __future__ import annotations

import http.client
import json
import math
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import yaml

from monitoring.rules import RULES
from sandbox.control_plane import ensure
from sandbox.control_plane.processes import LOOPBACK, Server, free_port
from sandbox.pages import read_page
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCRAPE_S = 0.5
"""So that a run of some seconds gives many samples."""

STEP_S = 1.0
"""Between two points of an answer."""

READY_S_MAX = 60.0
"""From start to ready: about a second."""

ANSWER_S_MAX = 10.0
"""For one query; it takes milliseconds."""

LABELS = {"namespace": "dcs", "pod": "dcs-migration-operator-0"}
"""What a ServiceMonitor would add."""


class Prometheus:
    """One Prometheus; close it at the end.

    Args:
        folder: For its configuration, data and log.
        target: The address of the operator's pages.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self._port = free_port()
        self._started_at = time.time()
        job = {
            "job_name": "dcs-migration-operator",
            "static_configs": [{"targets": [target], "labels": LABELS}],
        }
        interval = f"{SCRAPE_S * 1000:.0f}ms"
        # Its default of 10 s would be longer than the interval, which Prometheus does not take.
        pace = {"scrape_timeout": interval, "scrape_interval": interval}
        content = {
            "global": pace | {"evaluation_interval": interval},
            "rule_files": [str(RULES)],
            "scrape_configs": [job],
        }
        config = folder / "prometheus.yaml"
        config.write_text(yaml.safe_dump(content), encoding="utf-8")
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        options += [f"--web.listen-address={LOOPBACK}:{self._port}"]
        self._server = Server(
            [ensure("prometheus")["prometheus"], *options], folder / "prometheus.log"
        )

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._server.start()
        eventually(lambda: self._get("/-/ready")[0] == http.HTTPStatus.OK, READY_S_MAX)

    def close(self) -> None:
        """End it."""
        self._server.close()

    def query(self, expr: str) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        """Return the series of a query from the start until now, without points that are NaN."""
        span = {"start": self._started_at, "end": time.time(), "step": STEP_S}
        status, text = self._get(
            "/api/v1/query_range?" + urllib.parse.urlencode({"query": expr, **span})
        )
        answer: Any = json.loads(text)
        assert status == http.HTTPStatus.OK, answer
        found = []
        for series in answer["data"]["result"]:
            points = [(at, float(value)) for at, value in series["values"]]
            found.append((series["metric"], [p for p in points if math.isfinite(p[1])]))
        return found

    def peak(self, expr: str) -> float:
        """Return the largest value that any series of a query had; raises if there is none."""
        values = [value for _, points in self.query(expr) for _, value in points]
        assert values, f"no data for {expr}"
        return max(values)

    def _get(self, path: str) -> tuple[int, str]:
        return read_page(f"{LOOPBACK}:{self._port}", path)
