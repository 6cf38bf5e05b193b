"""Access to DCS, with the key in a project's Secret or in the environment.

The door to the operator's DCS client. A user who may read the Secret may call DCS with it; no part
of it is printed or written anywhere.
"""

from __future__ import annotations

import base64
import contextlib
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.cloud import LOG_LINES_MAX, PERMISSIONS, Operation
from dcs_migration_operator.core.endpoints import endpoint_of, is_allowed, is_named
from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    Misconfigured,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import Account, Credentials, task_key
from dcs_migration_operator.dcs.client import DcsClient
from kubectl_dcs import say
from kubectl_dcs.kinds import CLUSTER_PROJECT, PROJECT, SECRET
from kubectl_dcs.problems import ApiProblem, Problem, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcs_migration_operator.core.cloud import LogLine
    from dcs_migration_operator.core.model import Observation
    from kubectl_dcs.cluster import Body, Cluster
    from kubectl_dcs.where import ProjectName

DEFAULT_ENDPOINTS: Final = ("https://dcs.*.myhuaweicloud.com", "https://dcs.*.myhuaweicloud.eu")
"""The endpoints that the operator allows by default; a test compares the two."""

ACCESS_KEY: Final = "HUAWEICLOUD_SDK_AK"
SECRET_KEY: Final = "HUAWEICLOUD_SDK_SK"  # noqa: S105 - the name of a variable
SECURITY_TOKEN: Final = "HUAWEICLOUD_SDK_SECURITY_TOKEN"  # noqa: S105 - the same
"""The variables that Huawei Cloud's own SDK reads."""

CONNECT_S_MAX: Final = 10.0
CALL_S_MAX: Final = 60.0

ADVICE: Final[Mapping[type[DcsError], str]] = {
    AuthFailed: f"check the access key, in the Secret or in {ACCESS_KEY}",
    Throttled: "try again later",
    Unavailable: "try again later",
    OutcomeUnknown: "try again later",
    Misconfigured: "check the endpoint and the project id of the project",
    Refused: "check the project id of the project",
}
"""What the user can do about each kind of error."""

PAGES_MAX: Final = 1000
"""A million migrations; a longer list is taken to be endless."""


LOG_PAGES_MAX: Final = 100
"""A hundred thousand lines; DCS keeps far fewer."""


def account_of(cluster: Cluster, project: ProjectName) -> Account:
    """Return where to call DCS and as whom.

    Raises:
        Problem: The project, its Secret or a key is missing, or the endpoint is not allowed.
    """
    kind = CLUSTER_PROJECT if project.shared else PROJECT
    spec = cluster.get(kind, cluster.namespace, project.name).get("spec") or {}
    endpoint = endpoint_of(str(spec.get("region") or ""), str(spec.get("endpoint") or ""))
    allowed = project.allowed or DEFAULT_ENDPOINTS
    if not is_allowed(endpoint, allowed):
        raise Problem(
            f"{project.name} names the endpoint {endpoint}, which is not one of Huawei Cloud's: if"
            f" it is yours, add --allow-endpoint {endpoint}"
        )
    credentials = _from_environment() or _from_secret(cluster, project, spec)
    return Account(
        endpoint=endpoint,
        project_id=str(spec.get("projectId") or ""),
        credentials=credentials,
        named=is_named(endpoint, allowed),
    )


@contextlib.contextmanager
def dcs(account: Account) -> Iterator[DcsClient]:
    """Provide the DCS client; an error from DCS ends the command with one line."""
    client = DcsClient(
        account, connect_timeout_s=CONNECT_S_MAX, timeout_s=CALL_S_MAX, connections_max=1
    )
    try:
        yield client
    except PermissionDenied as error:
        rights = ", ".join(sorted({PERMISSIONS[op] for op in (Operation.LIST, Operation.SHOW)}))
        raise Problem(f"DCS refuses: {error}; the access key needs {rights}") from None
    except DcsError as error:
        advice = next((text for kind, text in ADVICE.items() if isinstance(error, kind)), "")
        said = str(error).rstrip(".") + (f"; {advice}" if advice else "")
        raise Problem(f"DCS at {account.endpoint} refused the request: {said}") from None
    finally:
        client.close()


def migrations(client: DcsClient) -> tuple[list[Observation], int]:
    """Return all migrations of the project, once each, by id, and the number of calls made.

    A short page is not necessarily the last one: the server may return less than it was asked for.
    The list ends with an empty page, or with a page shorter than an earlier one.
    """
    found: dict[str, Observation] = {}
    offset = largest = 0
    for calls in range(1, PAGES_MAX + 1):
        page = client.list_page(offset)
        found.update((task_key(one.task_id), one) for one in page.tasks)
        offset += page.rows
        if page.rows < max(largest, 1):
            return [found[key] for key in sorted(found)], calls
        largest = page.rows
    raise Problem(f"the list of DCS has not ended after {offset:,} migrations")


def log_lines(client: DcsClient, task_id: str) -> list[LogLine]:
    """Return DCS's own log of one task, in DCS's order."""
    found: list[LogLine] = []
    offset = 0
    for _ in range(LOG_PAGES_MAX):
        page = client.logs(task_id, offset, LOG_LINES_MAX)
        found += page.lines
        offset += page.rows
        if page.rows == 0:
            break
    return found


def _from_environment() -> Credentials | None:
    access, secret = os.environ.get(ACCESS_KEY, ""), os.environ.get(SECRET_KEY, "")
    if bool(access) != bool(secret):
        raise WrongUsage(f"set both {ACCESS_KEY} and {SECRET_KEY}, or neither to use the Secret")
    if not access:
        return None
    say.note(f"Calling DCS with the access key of {ACCESS_KEY}.")
    return Credentials(access, secret, os.environ.get(SECURITY_TOKEN) or None)


def _from_secret(cluster: Cluster, project: ProjectName, spec: Mapping[str, Any]) -> Credentials:
    ref = (spec.get("credentials") or {}).get("secretRef") or {}
    name = str(ref.get("name") or "")
    if not name:
        raise Problem(
            f"{project.name} uses the operator's own identity, which is not yours: set"
            f" {ACCESS_KEY} and {SECRET_KEY}"
        )
    namespace = project.secret_namespace if project.shared else cluster.namespace
    if not namespace:
        raise WrongUsage(
            "give the operator's namespace, where the Secret is (--secret-namespace), or"
            f" set {ACCESS_KEY} and {SECRET_KEY}"
        )
    try:
        body = cluster.get(SECRET, namespace, name)
    except ApiProblem as problem:
        if problem.code not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            raise
        why = (
            "does not exist; create it"
            if problem.code == HTTPStatus.NOT_FOUND
            else "cannot be read with your rights; ask for the right"
        )
        raise Problem(
            f"Secret {namespace}/{name} {why}, or set {ACCESS_KEY} and {SECRET_KEY}"
        ) from None
    data = body.get("data") or {}
    token = _value(body, "securityToken") if "securityToken" in data else None
    return Credentials(_value(body, "accessKey"), _value(body, "secretKey"), token)


def _value(secret: Body, key: str) -> str:
    """Return one value of a Secret; a trailing newline is dropped, as in the operator."""
    metadata = secret["metadata"]
    try:
        text = base64.b64decode(secret["data"][key], validate=True).decode("ascii").strip()
    except (KeyError, TypeError, ValueError):
        text = ""
    if not text or not text.isprintable() or " " in text:
        raise Problem(
            f"key {key} of Secret {metadata['namespace']}/{metadata['name']} is missing, empty or"
            " not plain text"
        )
    return text
