"""The folders of the checkout that tests read, wherever the tests themselves lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

CRDS: Final = ROOT / "crds"

CASES: Final = ROOT / "tests" / "cases"
"""Manifests, Secrets and kubeconfigs as people write them, and the CRDs of an earlier release."""
