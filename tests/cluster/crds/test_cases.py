"""Tasks and projects as people type them in a hurry: what the API server takes, and what it says.

Each file of `tests/cases/tasks` and `tests/cases/projects` has a row. A refusal has to be one that
a person understands; what is taken has to mean what was typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from dcs_migration_operator.core.endpoints import endpoint_of, is_allowed
from dcs_migration_operator.settings import DEFAULT_ENDPOINTS
from sandbox import manifests
from sandbox.control_plane.plane import KubectlError
from support.checkout import CASES

if TYPE_CHECKING:
    from sandbox.api import Api
    from support.control_plane import Kubectl


UUID: Final = "taskId must be the id of a DCS migration task: a UUID with dashes"
NO_TEXT: Final = 'must be of type string: "number"'
REGION: Final = "region must be the id of a region, such as cn-north-4"
PID: Final = "projectId must be the id of a cloud project, usually 32 hexadecimal digits"

TASKS: Final = {
    "Stopped": 'unknown field "spec.Stopped"',
    "id-block": UUID,
    "id-braces": UUID,
    "id-number": NO_TEXT,
    "id-trailing-space": UUID,
    "id-urn": UUID,
    "old-name": 'unknown field "spec.task_id"',
    "one": 'spec.stopped in body must be of type boolean: "integer"',
    "quoted-true": 'spec.stopped in body must be of type boolean: "string"',
    # YAML's own word for true: as a name it is none, as `stopped` it would be right.
    "yes": "cannot unmarshal bool into Go struct field ObjectMeta.metadata.name",
}
"""Case → the words of its refusal."""

TASKS_TAKEN: Final = {
    "bom": ("5130d57f-640a-435b-bc3a-0fb1860a534a", False),
    "crlf": ("5130d57f-640a-435b-bc3a-0fb1860a5349", True),
    "id-exp": ("5130157164014435e111011860153400", False),  # a text, though it could be a number
}
"""Case → the id and the wish that arrive."""

PROJECTS: Final = {
    "both": "set exactly one of region and endpoint",
    "endpoint-bare": "endpoint must begin with https:// or http://",
    "endpoint-path": "endpoint must end after the host or port",
    "endpoint-slash": "endpoint must end after the host or port",
    "endpoint-space": "endpoint must name a host, optionally with a port",
    "endpoint-upper": "endpoint must begin with https:// or http://",
    "pid-number": NO_TEXT,
    "pid-space": PID,
    "region-domain": REGION,
    "region-trailing-space": REGION,
    "region-underscore": REGION,
    "region-upper": REGION,
}
"""Case → the words of its refusal."""

ID: Final = "0123456789abcdef0123456789abcdef"
CN: Final = "https://dcs.cn-north-4.myhuaweicloud.com"

PROJECTS_TAKEN: Final = {
    "endpoint-port": (f"{CN}:443", ID, False),  # no pattern of the default list has a port
    "pid-dashes": (CN, "01234567-89ab-cdef-0123-456789abcdef", True),
    "pid-exp": (CN, "0970e1234567890123456789012345678", True),
    "pid-name": (CN, "cn-north-4", True),
    # Only names can tell that they are wrong; whether they lead anywhere is found out by asking.
    "region-eu": ("https://dcs.eu-west-101.myhuaweicloud.eu", ID, True),
    "region-unknown": ("https://dcs.cn-nowhere-9.myhuaweicloud.com", ID, True),
}
"""Case → endpoint and project id that arrive, and whether the default list allows the endpoint."""


def test_every_case_has_a_row() -> None:
    """A file that is added needs one."""
    for folder, rows in (
        ("tasks", [*TASKS, *TASKS_TAKEN]),
        ("projects", [*PROJECTS, *PROJECTS_TAKEN]),
    ):
        assert sorted(path.stem for path in (CASES / folder).iterdir()) == sorted(rows)


@pytest.mark.parametrize(
    "case, words",
    [(f"tasks/{name}", words) for name, words in TASKS.items()]
    + [(f"projects/{name}", words) for name, words in PROJECTS.items()],
)
def test_what_is_wrong_is_refused_in_words(kubectl: Kubectl, case: str, words: str) -> None:
    """When it is applied, before anything of it is stored."""
    with pytest.raises(KubectlError) as caught:
        kubectl("apply", "--filename", CASES / f"{case}.yaml")
    assert words in str(caught.value)
    assert kubectl("get", "dcsmt,dcsp", "--output", "name") == ""


@pytest.mark.parametrize("case", TASKS_TAKEN)
def test_a_task_that_is_taken_means_what_was_typed(
    kubectl: Kubectl, api: Api, namespace: str, case: str
) -> None:
    """Id and wish arrive as typed, whatever editor or system wrote the file."""
    kubectl("apply", "--filename", CASES / "tasks" / f"{case}.yaml")
    spec = api.get(manifests.path(namespace, manifests.TASKS, case))["spec"]
    assert (spec["taskId"], spec["stopped"]) == TASKS_TAKEN[case]


@pytest.mark.parametrize("case", PROJECTS_TAKEN)
def test_a_project_that_is_taken_leads_where_it_says(
    kubectl: Kubectl, api: Api, namespace: str, case: str
) -> None:
    """To one endpoint, which the operator calls or says that it may not."""
    kubectl("apply", "--filename", CASES / "projects" / f"{case}.yaml")
    spec = api.get(manifests.path(namespace, manifests.PROJECTS, case))["spec"]
    endpoint = endpoint_of(spec.get("region", ""), spec.get("endpoint", ""))
    found = (endpoint, spec["projectId"], is_allowed(endpoint, DEFAULT_ENDPOINTS))
    assert found == PROJECTS_TAKEN[case]
