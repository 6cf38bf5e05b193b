"""Reads kubeconfig files as kubectl does, and names any feature that it does not support.

Ignoring a field silently would mean the wrong user or none. So a file leads either to exactly the
server and user that kubectl would use, or to a one-sentence error. Errors quote no values from a
file except names, paths and servers.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, urlsplit

import yaml

from dcs_migration_operator.kube.session import Cluster
from dcs_migration_operator.kube.tls import CannotTrust, authenticate, context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest file that is read; a file with a thousand clusters has half this size."""

NAME_CHARS_MAX: Final = 128
"""Longest name that an error quotes; longer ones are left out."""

HOME: Final = "~/.kube/config"

VARIABLE: Final = "KUBECONFIG"


class KubeconfigError(Exception):
    """A kubeconfig cannot be used; the text is part of a sentence and says why."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """The entry for one cluster, user or context in a file.

    Attributes:
        what: Its name in error messages.
        folder: The folder that its paths are relative to.
    """

    what: str
    folder: Path
    fields: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Return a text field; empty if it is missing."""
        value = self.fields.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise KubeconfigError(f"{self.what}: {key} is not text; put it in quotes")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a field that is a list of texts."""
        value = self.fields.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise KubeconfigError(f"{self.what}: {key} is not a list of texts")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """Return a boolean field; False if it is missing."""
        value = self.fields.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise KubeconfigError(f"{self.what}: {key} is neither true nor false")
        return value

    def path(self, key: str) -> Path | None:
        """Return a path field, resolved against the file's folder."""
        text = self.text(key)
        return self.folder / text if text else None

    def pem(self, key: str) -> str:
        """Return the PEM text from the file that `key` names, or from the base64 in `key`-data.

        Raises:
            KubeconfigError: Both are present, or the one present cannot be read.
        """
        path, data = self.path(key), self.text(f"{key}-data")
        if path and data:
            raise KubeconfigError(f"{self.what}: both {key} and {key}-data are there; remove one")
        if path:
            return _read(path, f"{self.what}: {key} ").decode("utf-8-sig", errors="replace")
        try:
            folded = re.sub(r"[\r\n]", "", data)
            return base64.b64decode(folded, validate=True).decode("utf-8-sig", errors="replace")
        except (binascii.Error, ValueError):
            raise KubeconfigError(f"{self.what}: {key}-data is not base64") from None


def files(option: str, environment: Mapping[str, str]) -> list[Path]:
    """Return the files to read, in order of precedence; empty if none is named.

    Args:
        option: The path from the command line; it overrides the environment and has to exist.
        environment: May name several files; those that do not exist are skipped.

    Raises:
        KubeconfigError: Files are named, but none of them exists.
    """
    if option:
        return [Path(option)]
    if named := environment.get(VARIABLE, ""):
        paths = [Path(path) for path in named.split(os.pathsep) if path]
        existing = [path for path in paths if path.exists()]
        if not existing:
            raise KubeconfigError(f"{VARIABLE} names no file that exists")
        return list(dict.fromkeys(existing))
    path = Path(os.path.expanduser(HOME))  # noqa: PTH111 - Path raises where nobody has a home
    return [path] if path.exists() else []


def cluster_of(paths: Sequence[Path]) -> Cluster:
    """Return the server and the user of the current context.

    Raises:
        KubeconfigError: Something cannot be read, is missing, or is not supported.
    """
    documents = [_document(path) for path in paths]
    tops = [_Entry(str(path), path.parent, fields) for path, fields in documents]
    current = next((name for top in tops if (name := top.text("current-context"))), "")
    if not current:
        raise KubeconfigError(
            "it has no current-context; choose one with kubectl config use-context"
        )
    used = _entry(tops, "context", current)
    if not used:
        raise KubeconfigError(f"its current-context{_name(current)} does not exist")
    where = _needed(tops, "cluster", used)
    who = _needed(tops, "user", used)
    server, path = _server(where)
    encrypted = server.startswith("https:")
    headers = _headers(who, encrypted=encrypted)
    trust = _trust(where, who) if encrypted else True
    token_file = None if headers else who.path("tokenFile")
    return Cluster(
        server=server + path,
        namespace=used.text("namespace") or "default",
        ssl=trust,
        headers=headers,
        impersonation=_impersonation(who),
        token_file=str(token_file) if token_file else "",
        proxy=_proxy(where),
    )


def _document(path: Path) -> tuple[Path, Mapping[str, Any]]:
    data = _read(path, "")
    try:
        if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
            found = json.loads(data.decode("utf-8-sig"))
        else:
            found = next(iter(yaml.safe_load_all(data)), None)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise KubeconfigError(f"{path} is neither YAML nor JSON") from None
    if found is None:
        return path, {}
    if not isinstance(found, dict):
        raise KubeconfigError(f"{path} is not a kubeconfig")
    kinds = (found.get("apiVersion") or "v1", found.get("kind") or "Config")
    if kinds != ("v1", "Config"):
        raise KubeconfigError(f"{path} is of another kind than Config, v1")
    return path, found


def _read(path: Path, prefix: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not a path"
        raise KubeconfigError(f"{prefix}{path}: {reason}") from None
    if len(data) > FILE_BYTES_MAX:
        raise KubeconfigError(f"{prefix}{path} is too large")
    return data


def _entry(tops: Iterable[_Entry], kind: str, name: str) -> _Entry | None:
    """Return the entry of a name from the first file that has it; later files are ignored."""
    for top in tops:
        plural = f"{kind}s"
        items = top.fields.get(plural)
        if items is None:
            continue
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise KubeconfigError(f"{top.what}: {plural} is not a list of named entries")
        found = [item for item in items if item.get("name", "") == name]
        if len(found) > 1:
            raise KubeconfigError(f"{top.what} has the {kind}{_name(name)} twice")
        if found:
            fields = found[0].get(kind) or {}
            if not isinstance(fields, dict):
                raise KubeconfigError(f"{kind}{_name(name)} has no fields")
            return _Entry(f"{kind}{_name(name)}", top.folder, fields)
    return None


def _needed(tops: Iterable[_Entry], kind: str, used: _Entry) -> _Entry:
    """Return the cluster or user that a context refers to."""
    name = used.text(kind)
    if not name:
        raise KubeconfigError(f"{used.what} names no {kind}")
    found = _entry(tops, kind, name)
    if not found:
        raise KubeconfigError(f"the {kind}{_name(name)} of {used.what} does not exist")
    return found


def _server(where: _Entry) -> tuple[str, str]:
    """Return the origin and path of the API server's address."""
    text = where.text("server")
    if not text:
        raise KubeconfigError(f"{where.what} has no server")
    parts = _parts(text, {"http", "https"})
    if not parts or not text.isprintable() or " " in text:
        raise KubeconfigError(f"the server of {where.what} is no address such as https://host:6443")
    if "@" in parts.netloc:
        raise KubeconfigError(
            f"the server of {where.what} holds a user's name; put it into the user's fields"
        )
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def _proxy(where: _Entry) -> str | None:
    text = where.text("proxy-url")
    if not text:
        return None
    if not _parts(text, {"http"}):
        raise KubeconfigError(
            f"{where.what}: proxy-url is supported for http:// proxies alone, not for https or "
            "socks5 ones"
        )
    return text


def _parts(text: str, schemes: set[str]) -> SplitResult | None:
    """Return the parts of an address, or None if it is not one with any of these schemes."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if fits else None


def _trust(where: _Entry, who: _Entry) -> ssl.SSLContext:
    authority, insecure = where.pem("certificate-authority"), where.flag("insecure-skip-tls-verify")
    if authority and insecure:
        raise KubeconfigError(
            f"{where.what}: certificate-authority and insecure-skip-tls-verify exclude each other"
        )
    try:
        made = context(
            authority=authority, insecure=insecure, server_name=where.text("tls-server-name")
        )
    except CannotTrust as error:
        raise KubeconfigError(f"the certificate-authority of {where.what} {error}") from None
    certificate, key = who.pem("client-certificate"), who.pem("client-key")
    if certificate or key:
        if not (certificate and key):
            raise KubeconfigError(f"{who.what}: client-certificate and client-key go together")
        try:
            authenticate(made, certificate, key)
        except CannotTrust as error:
            raise KubeconfigError(
                f"client-certificate and client-key of {who.what} {error}"
            ) from None
    return made


def _headers(who: _Entry, *, encrypted: bool) -> Mapping[str, str]:
    """Return the headers that authenticate a user, except for a token that is kept in a file.

    Raises:
        KubeconfigError: The user has no credentials, two kinds, or an unsupported kind.
    """
    token, token_file = who.text("token"), who.path("tokenFile")
    name, password = who.text("username"), who.text("password")
    if who.fields.get("auth-provider") is not None:
        raise KubeconfigError(
            f"{who.what}: auth-provider is not supported, nor is it by kubectl any more; use a "
            "token, as of kubectl create token"
        )
    if (token or token_file) and (name or password):
        raise KubeconfigError(f"{who.what} has both a token and a password; remove one")
    if token_file and (token_file.exists() or not token):
        if not _read(token_file, f"{who.what}: tokenFile ").strip():
            raise KubeconfigError(f"{who.what}: tokenFile {token_file} is empty")
        return {}
    if token:
        if not token.isprintable():
            raise KubeconfigError(f"{who.what}: token holds a line break or the like")
        return {"Authorization": f"Bearer {token}"}
    if name or password:
        pair = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    if who.fields.get("exec") is not None:
        raise KubeconfigError(
            f"{who.what}: exec is not supported, the operator runs no other program; use a token, "
            "as of kubectl create token"
        )
    certificates = ("client-certificate", "client-certificate-data", "client-key")
    if encrypted and not any(who.text(key) for key in certificates):
        raise KubeconfigError(f"{who.what} has neither a token nor a certificate")
    return {}


def _impersonation(who: _Entry) -> tuple[tuple[str, str], ...]:
    """Return the headers with which a user impersonates another."""
    name, uid = who.text("as"), who.text("as-uid")
    groups, extra = who.texts("as-groups"), who.fields.get("as-user-extra") or {}
    if not isinstance(extra, dict) or not all(isinstance(key, str) for key in extra):
        raise KubeconfigError(f"{who.what}: as-user-extra has no fields")
    values = _Entry(f"{who.what}: as-user-extra", who.folder, extra)
    found = [("Impersonate-User", name)] if name else []
    found += [("Impersonate-Uid", uid)] if uid else []
    found += [("Impersonate-Group", group) for group in groups]
    for key in extra:
        header = f"Impersonate-Extra-{quote(key.lower(), safe='')}"
        found += [(header, value) for value in values.texts(key)]
    if found and not name:
        raise KubeconfigError(f"{who.what}: as-uid, as-groups and as-user-extra need as")
    if not all(value.isprintable() for _, value in found):
        raise KubeconfigError(f"{who.what}: as holds a line break or the like")
    return tuple(found)


def _name(text: str) -> str:
    """Return a name in quotes after a space; empty if it is empty or too long to quote."""
    fits = len(text) <= NAME_CHARS_MAX and text.isprintable()
    return f' "{text}"' if text and fits else ""
