"""A small API server in a thread: lists in pages, reads, patches, watches, and bad days on demand.

Owns what the plugin's requests look like from the other side. What only the real one does, such as
defaults, rules and field ownership, is tested in `tests/cluster/plugin`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import queue
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Body = dict[str, Any]

HANG_UP = 0
"""Instead of a status: the connection is closed without an answer."""

WATCHES_MAX_S = 10.0
"""A watch that a test leaves open ends by itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; a body of bytes is sent as it is."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeApi:
    """Objects by their paths, and everything that was asked. Use it as a context manager.

    Attributes:
        objects: By path; a list is what is below a collection.
        asked: Every request, oldest first.
        faults: Asked before anything else; one that returns an answer gives it.
        schema: The OpenAPI document; None if it is not served.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Body] = {}
        self.asked: list[Asked] = []
        self.faults: list[Callable[[Asked], Reply | None]] = []
        self.schema: Body | None = None
        self.collections = {"migrationtasks", "migrationwaves", "dcsprojects", "secrets"}
        self._version = 100
        self._lock = threading.Lock()
        self._history: list[tuple[int, str, Body]] = []
        self._watchers: list[tuple[str, queue.Queue[Body | None]]] = []
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_watches()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def kubeconfig(self, folder: Path, namespace: str = "shop", **user: Any) -> Path:
        """Write a kubeconfig for it."""
        path = folder / "kubeconfig"
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": namespace}}
            ],
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": user or {"token": "TOKEN-OF-A-PERSON"}}],
        }
        path.write_text(json.dumps(body), encoding="utf-8")
        return path

    def put(self, plural: str, body: Body, base: str = "") -> Body:
        """Store an object, as somebody else would, and tell who watches."""
        metadata = body["metadata"]
        namespace = metadata.get("namespace", "")
        inside = f"/namespaces/{namespace}" if namespace else ""
        base = base or "/apis/dcs.huaweicloud.com/v1alpha1"
        path = f"{base}{inside}/{plural}/{metadata['name']}"
        with self._lock:
            word = "MODIFIED" if path in self.objects else "ADDED"
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
            self.objects[path] = body
            self._tell(path, word, body)
        return body

    def delete(self, path: str) -> None:
        """Delete an object, and tell who watches."""
        with self._lock:
            body = copy.deepcopy(self.objects.pop(path))
            self._version += 1
            body["metadata"]["resourceVersion"] = str(self._version)
            self._tell(path, "DELETED", body)

    def end_watches(self) -> None:
        """Close every watch, as a server does that restarts."""
        with self._lock:
            watchers, self._watchers = self._watchers, []
        for _, events in watchers:
            events.put(None)

    def patches(self) -> list[Asked]:
        """Return the writes."""
        return [one for one in self.asked if one.method == "PATCH"]

    def _tell(self, path: str, word: str, body: Body) -> None:
        event = {"type": word, "object": copy.deepcopy(body)}
        self._history.append((self._version, path, event))
        for collection, events in self._watchers:
            if _inside(path, collection):
                events.put(event)

    def answer(self, asked: Asked) -> Reply:
        """Answer one request that is no watch."""
        self.asked.append(asked)
        for fault in self.faults:
            if reply := fault(asked):
                return reply
        if asked.path.startswith("/openapi/"):
            return Reply(body=self.schema) if self.schema is not None else refusal(404, "no")
        if asked.method == "PATCH":
            return self._patch(asked)
        if asked.path in self.objects:
            return Reply(body=self.objects[asked.path])
        plural = asked.path.rpartition("/")[2]
        if plural not in self.collections:
            return self._missing(asked.path)
        return self._list(asked)

    def _missing(self, path: str) -> Reply:
        collection, _, name = path.rpartition("/")
        if collection.rpartition("/")[2] in self.collections:
            return refusal(404, f'"{name}" not found', {"name": name})
        return Reply(404, b"404 page not found\n")

    def _list(self, asked: Asked) -> Reply:
        found = [
            body
            for path, body in sorted(self.objects.items())
            if _inside(path, asked.path)
            and _selects(asked.query.get("labelSelector", ""), body)
            and asked.query.get("fieldSelector")
            in {None, f"metadata.name={body['metadata']['name']}"}
        ]
        start, limit = int(asked.query.get("continue", 0)), int(asked.query.get("limit", 0))
        end = start + limit if limit else len(found)
        more = {"continue": str(end)} if end < len(found) else {}
        metadata = {"resourceVersion": str(self._version)} | more
        return Reply(body={"metadata": metadata, "items": found[start:end]})

    def _patch(self, asked: Asked) -> Reply:
        if asked.path not in self.objects:
            return refusal(409, "uid mismatch: no existing object was found")
        body = copy.deepcopy(self.objects[asked.path])
        for key, value in asked.body.get("spec", {}).items():
            if value is None:
                body["spec"].pop(key, None)
            else:
                body["spec"][key] = value
        if "dryRun" not in asked.query:
            plural = asked.path.split("/")[-2]
            self.put(plural, body)
        return Reply(body=body)

    def events(self, asked: Asked) -> queue.Queue[Body | None]:
        """Open a watch, with everything that has happened since the version that is named."""
        events: queue.Queue[Body | None] = queue.Queue()
        since = int(asked.query["resourceVersion"])
        with self._lock:
            self.asked.append(asked)
            for version, path, event in self._history:
                if version > since and _inside(path, asked.path):
                    events.put(event)
            self._watchers.append((asked.path, events))
        return events


def refusal(status: int, message: str, details: Mapping[str, str] | None = None) -> Reply:
    """Return an error as the API server writes it."""
    body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
    return Reply(status, body | ({"details": dict(details)} if details else {}))


def _inside(path: str, collection: str) -> bool:
    """Tell whether an object belongs to a collection, that of all namespaces included."""
    plural = collection.rpartition("/")[2]
    return path.rpartition("/")[0] == collection or (
        "/namespaces/" not in collection and path.split("/")[-2] == plural
    )


def _selects(selector: str, body: Body) -> bool:
    labels = body["metadata"].get("labels", {})
    return all(
        labels.get(part.partition("=")[0]) == part.partition("=")[2]
        for part in selector.split(",")
        if part
    )


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for a `FakeApi`."""

    api: FakeApi
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a read."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a question; what may be answered is a fault of the test."""
        self._serve()

    def do_PATCH(self) -> None:
        """Answer a write."""
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length", 0))
        data = self.rfile.read(length)
        body = json.loads(data) if data else None
        asked = Asked(self.command, url.path, query, dict(self.headers), body)
        if query.get("watch"):
            for fault in self.api.faults:
                if reply := fault(asked):
                    self.api.asked.append(asked)
                    self._send(reply)
                    return
            self._stream(self.api.events(asked))
        else:
            self._send(self.api.answer(asked))

    def _send(self, reply: Reply) -> None:
        if reply.status == HANG_UP:
            self.close_connection = True
            return
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: queue.Queue[Body | None]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        # The other side goes when it has seen enough, and a watch that nobody ends does so itself.
        with contextlib.suppress(queue.Empty, OSError):
            while (event := events.get(timeout=WATCHES_MAX_S)) is not None:
                data = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
