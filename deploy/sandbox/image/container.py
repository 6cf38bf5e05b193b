"""Runs a pod template as one container of an engine, with flags for what a kubelet would do.

Nothing in the template is ignored silently: a field that is unknown here is an error.
It differs from a pod in two things: all share the network of this machine, so the container gets
an address of its own to listen on, and the ServiceAccount is a folder of this machine, mounted
where a kubelet mounts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.image.engines import limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox.image.engines import Engine

ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a kubelet mounts the ServiceAccount."""

POD_FIELDS: Final = {
    "automountServiceAccountToken",
    "containers",
    "enableServiceLinks",
    "securityContext",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "topologySpreadConstraints",
}
CONTAINER_FIELDS: Final = {
    "args",
    "command",
    "env",
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
}
POD_SECURITY: Final = {"fsGroup", "runAsGroup", "runAsNonRoot", "runAsUser", "seccompProfile"}
CONTAINER_SECURITY: Final = {"allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem"}


class UnknownFieldError(Exception):
    """The template has something that is not translated here."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The environment of the container.

    Attributes:
        name: The name of the container; as in a pod, it is the host name too.
        account: Folder with token, CA and namespace.
        api_host, api_port: The API server.
        listen: HOST:PORT of its pages.
    """

    name: str
    account: Path
    api_host: str
    api_port: int
    listen: str


def run_command(engine: Engine, template: Mapping[str, Any], image: str, place: Place) -> list[str]:
    """Return the engine's command line that runs a pod template's container.

    Raises:
        UnknownFieldError: The template has a field that is not known here.
    """
    spec = template["spec"]
    (container,) = spec["containers"]
    _check("pod", spec, POD_FIELDS)
    _check("container", container, CONTAINER_FIELDS)
    (program,) = container["command"]
    environment = {
        "KUBERNETES_SERVICE_HOST": place.api_host,
        "KUBERNETES_SERVICE_PORT": str(place.api_port),
        "HOSTNAME": place.name,
        **{one["name"]: one["value"] for one in container.get("env", ())},
    }
    command = [
        *("run", "--rm", f"--name={place.name}", "--network=host", "--pull=never"),
        *_security(spec.get("securityContext", {}), container.get("securityContext", {})),
        f"--memory={container['resources']['limits']['memory'].replace('Mi', 'm')}",
        f"--volume={place.account}:{ACCOUNT}:ro",
        *(f"--env={name}={value}" for name, value in environment.items()),
        f"--entrypoint={program}",
    ]
    if engine.program == "podman":
        # Only podman adds these by default: a passwd entry, writable folders, two variables.
        command += ["--passwd=false", "--read-only-tmpfs=false"]
        command += ["--unsetenv=container", "--unsetenv=TERM", *limits()]
    arguments = [*container["args"], f"--listen={place.listen}"]
    return engine.command(*command, image, *arguments)


def _security(pod: Mapping[str, Any], container: Mapping[str, Any]) -> list[str]:
    """Return both security contexts as flags."""
    _check("pod's securityContext", pod, POD_SECURITY)
    _check("container's securityContext", container, CONTAINER_SECURITY)
    flags = [f"--user={pod['runAsUser']}:{pod['runAsGroup']}"]
    flags += [f"--group-add={pod['fsGroup']}"] if "fsGroup" in pod else []
    if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        flags.append("--security-opt=seccomp=unconfined")
    if container.get("readOnlyRootFilesystem"):
        flags.append("--read-only")
    if not container.get("allowPrivilegeEscalation", True):
        flags.append("--security-opt=no-new-privileges")
    flags += [f"--cap-drop={one}" for one in container.get("capabilities", {}).get("drop", ())]
    return flags


def _check(what: str, given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise UnknownFieldError(f"The {what} of the chart has {', '.join(unknown)}: say how.")
