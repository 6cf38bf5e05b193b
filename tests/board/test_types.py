"""The types of the page, which its modules declare in JSDoc."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from board import tools

CHECK_S_MAX = 110.0


def test_the_types_of_all_modules_fit() -> None:
    """Checked by TypeScript, which is not shipped and compiles nothing."""
    node = shutil.which("node")
    if node is None or not tools.TSC.exists():
        pytest.fail(f"TypeScript is not there: `make browser`, or {tools.HOW_NODE}")
    ran = subprocess.run(  # noqa: S603 - paths of our own
        [node, str(tools.TSC), "--project", str(tools.LOCK / "tsconfig.json")],
        capture_output=True,
        text=True,
        timeout=CHECK_S_MAX,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("", 0)
