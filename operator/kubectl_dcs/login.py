"""Turns the user's kubeconfig into a connection: exec plugins, OIDC, proxies, client certificates.

The door to the official client, the only one that supports all of them. Importing it takes about
half a second, so it is imported only when a cluster is needed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from kubectl_dcs.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client import ApiClient, Configuration
    from urllib3 import PoolManager

    from kubectl_dcs.where import Where

POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

CONNECTIONS_MAX: Final = 24
"""The most concurrent requests: the writers and two watches."""

HEADERS_S: Final = 10.0
"""How long the headers are cached: the client parses the token on every call, which takes a
millisecond, and it renews tokens minutes before they expire."""

WHY_CHARS_MAX: Final = 300


class Login:
    """A way to one API server as one user.

    Attributes:
        host: Its URL, without a trailing slash.
        namespace: The namespace of the context, or `default`.
        pool: Connections, configured by the kubeconfig.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self.namespace = namespace
        self.host = str(client.configuration.host).rstrip("/")
        self.pool: PoolManager = client.rest_client.pool_manager
        self._headers: dict[str, str] = {}
        self._headers_until_s = float("-inf")
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate the user; an expiring token is renewed first.

        Raises:
            Problem: It cannot be renewed.
        """
        with self._lock:
            if time.monotonic() >= self._headers_until_s:
                self._headers = self._fresh_headers()
                self._headers_until_s = time.monotonic() + HEADERS_S
            return self._headers

    def _fresh_headers(self) -> dict[str, str]:
        try:
            with _heard() as complaints:
                settings = self._client.configuration.auth_settings()
        except Exception as error:  # noqa: BLE001 - an exec plugin may fail in any way
            raise Problem(f"the credentials cannot be renewed: {_why(error)}") from None
        if complaints:
            raise Problem(f"the credentials cannot be renewed: {complaints[0]}")
        return {
            str(one["key"]): str(one["value"])
            for one in settings.values()
            if one["in"] == "header" and one["value"]
        }


def log_in(where: Where) -> Login:
    """Return the way to the cluster.

    Raises:
        Problem: There is no kubeconfig, or it cannot be used.
    """
    from kubernetes import client  # noqa: PLC0415 - see the head of this file

    configuration = client.Configuration()
    configuration.connection_pool_maxsize = CONNECTIONS_MAX
    if not where.kubeconfig and not _kubeconfigs("") and "KUBERNETES_SERVICE_HOST" in os.environ:
        namespace = _in_cluster(configuration)
    else:
        namespace = _from_kubeconfig(configuration, where)
    if not configuration.verify_ssl:
        # The kubeconfig asks for it; kubectl does not warn at every request either.
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    return Login(client.ApiClient(configuration), where.namespace or namespace or "default")


def _in_cluster(configuration: Configuration) -> str:
    from kubernetes import config  # noqa: PLC0415 - see the head of this file

    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call] # the client types its models alone
        return POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except (config.ConfigException, OSError) as error:
        raise Problem(f"the ServiceAccount of this pod cannot be used: {_why(error)}") from None


def _from_kubeconfig(configuration: Configuration, where: Where) -> str:
    """Fill in the configuration; returns the namespace of the context."""
    from kubernetes.config import kube_config  # noqa: PLC0415 - see the head of this file

    there = _kubeconfigs(where.kubeconfig)
    if not there:
        named = where.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
        raise Problem(f"no cluster: there is no kubeconfig at {named}; set KUBECONFIG")
    path = os.pathsep.join(map(str, there))
    try:
        merged = kube_config.KubeConfigMerger(path)  # type: ignore[no-untyped-call] # as above
        loader = kube_config.KubeConfigLoader(  # type: ignore[no-untyped-call] # as above
            merged.config,
            active_context=where.context or None,
            config_base_path=None,
            config_persister=merged.save_changes,
        )
        with _heard() as complaints:
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call] # as above
        namespace = str(loader.current_context["context"].get("namespace") or "")
    except Exception as error:  # noqa: BLE001 - a malformed file can raise anything in the client
        raise Problem(f"the kubeconfig {path} cannot be used: {_why(error)}") from None
    if complaints:
        raise Problem(f"the kubeconfig {path} gives no credentials: {complaints[0]}")
    if not str(configuration.host).startswith(("http://", "https://")):
        raise Problem(
            f"the kubeconfig {path} names a server that is not a URL: {configuration.host}"
        )
    return namespace


def _kubeconfigs(given: str) -> list[Path]:
    """Return the existing kubeconfig files, found as kubectl finds them."""
    named = given or os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = [Path(one).expanduser() for one in named.split(os.pathsep) if one]
    return [path for path in paths if path.is_file()]


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what the client only logs: the failure of a login program."""
    complaints: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: complaints.append(record.getMessage()[:WHY_CHARS_MAX])  # type: ignore[method-assign] # less than a class
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield complaints
    finally:
        root.removeHandler(handler)


def _why(error: Exception) -> str:
    """Return the reason without quoting the file, which contains tokens and keys."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        return f"it is not YAML at line {line}"
    if type(error).__name__ == "ConfigException":
        # Some of these messages quote a whole entry of the file after these marks.
        text = str(error).partition("{")[0].partition(" in ")[0]
        return text[:WHY_CHARS_MAX] or "it is malformed"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"it is malformed ({type(error).__name__})"
