"""Writes the README of the Helm chart from the comments in its `values.yaml`.

Owns the form: a comment that begins with `# --` describes the value below it, up to that line. What
a value does is said in `values.yaml` alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = Path(__file__).resolve().parents[1] / "chart"
PATH = CHART / "README.md"

DESCRIPTION = re.compile(r"\s*# -- (.*)")
MORE = re.compile(r"\s*# (.*)")
KEY = re.compile(r"( *)([A-Za-z]+):(?: |$)")

INDENT = 2
"""Spaces per level in `values.yaml`."""

HEAD = """# Helm chart of dcs-migration-operator {version}

<!-- Generated from values.yaml by `python -m reference`; change the comments there. -->

The chart needs Kubernetes ≥ 1.28 and Helm 4. Install it from a checkout:

```sh
helm install dcs-migration-operator deploy/chart --namespace dcs-system --create-namespace
```

The output explains how to make the first stop. [docs/security.md](../../docs/security.md) lists
the rights of the operator, with reasons. Without cluster-wide permissions, install it with
`--set scope={{team-a,team-b}} --set crds.install=false --set rbac.userRoles=false` after an
administrator has applied the CRDs.

The CRDs are part of the templates, so that `helm upgrade` upgrades them. `helm uninstall` keeps
them, and with them every MigrationTask, unless `crds.keep` is false; the Lease stays too, see
[docs/uninstall.md](../../docs/uninstall.md). If the CRDs were applied by hand earlier, or were left
by a release with another name or namespace, add `--take-ownership --force-conflicts` to the first
install.

A chart that includes this one may switch it on and off by a condition such as
`dcs-migration-operator.enabled`. For kustomize, see [docs/gitops.md](../../docs/gitops.md).

## Values

| value | default | what it does |
| --- | --- | --- |
"""


def render() -> str:
    """Return the text of the README."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load(text)
    rows = [
        f"| `{path}` | `{_default(values, path)}` | {_cell(description)} |"
        for path, description in described(text)
    ]
    return HEAD.format(version=chart["appVersion"]) + "\n".join(rows) + "\n"


def described(text: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the description of each value that has one, in the order of the file."""
    place: list[str] = []
    description: list[str] = []
    for line in text.splitlines():
        if begun := DESCRIPTION.match(line):
            description = [begun[1]]
        elif description and (more := MORE.match(line)):
            description.append(more[1])
        elif key := KEY.match(line):
            place[len(key[1]) // INDENT :] = [key[2]]
            if description:
                yield ".".join(place), " ".join(description)
                description = []


def _default(values: Any, path: str) -> str:
    for key in path.split("."):
        values = values[key]
    return json.dumps(values, ensure_ascii=False)


def _cell(text: str) -> str:
    """Return text that a cell of a table may hold."""
    return text.replace("|", "\\|")
