"""The Dockerfile: what a linter, a reviewer and a kubelet ask of it; no container engine."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import yaml

from image.buildfile import DOCKERFILE, admitted, stages
from support.checkout import ROOT

LINT_S_MAX = 60.0
"""For one run of the linter; it takes a second."""

PINNED = re.compile(r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}")


def test_the_linter_finds_nothing() -> None:
    """Hadolint's default rules hold, and the file switches none of them off."""
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    answer = subprocess.run(  # noqa: S603 - a tool of the development environment
        [hadolint, "--no-color", DOCKERFILE],
        capture_output=True,
        text=True,
        timeout=LINT_S_MAX,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "hadolint" not in DOCKERFILE.read_text(encoding="utf-8")


def test_both_stages_have_the_same_base_by_digest() -> None:
    """A virtual environment works only with the interpreter that it was made for."""
    build, final = stages()
    assert build.base == final.base
    assert PINNED.fullmatch(final.base)


def test_nothing_of_the_build_gets_into_the_image_but_the_environment() -> None:
    """No compiler, no sources, no wheel, no build backend: one folder is copied."""
    build, final = stages()
    assert final.arguments("COPY") == [f"--from={build.name} /opt/operator /opt/operator"]


def test_it_runs_as_a_numeric_user_that_is_not_root() -> None:
    """By number, since a kubelet cannot check `runAsNonRoot` against a name."""
    _, final = stages()
    assert final.arguments("USER") == ["65532:65532"]
    values = yaml.safe_load((ROOT / "deploy" / "chart" / "values.yaml").read_text(encoding="utf-8"))
    chart = values["podSecurityContext"]
    assert f"{chart['runAsUser']}:{chart['runAsGroup']}" == "65532:65532"
    assert [verb for verb, _ in final.steps][-4:] == ["USER", "EXPOSE", "ENTRYPOINT", "CMD"]


def test_it_starts_the_operator() -> None:
    """Without a shell in between, so that SIGTERM reaches it."""
    _, final = stages()
    assert final.arguments("ENTRYPOINT") == ['["dcs-migration-operator"]']
    assert final.arguments("CMD") == ['["run"]']


def test_packages_are_installed_by_hash_and_not_compiled() -> None:
    """Each `pip install` checks hashes or takes nothing but what was built here."""
    (build, _) = stages()
    commands = [part for run in build.arguments("RUN") for part in run.split("&&")]
    installs = [command for command in commands if " install " in command]
    checked = [one for one in installs if "--require-hashes --only-binary :all:" in one]
    local = [one for one in installs if "--no-deps --no-index" in one]
    assert (len(installs), len(checked), len(local)) == (3, 2, 1)


def test_nothing_but_what_is_needed_gets_into_the_build() -> None:
    """Whatever lies about in a checkout, as a key or a cache, stays out of it."""
    outside = (".git", ".env", ".venv", ".cache", "id_rsa", "tests", "deploy", "docs", "crds")
    assert [path for path in outside if admitted(path)] == []
    assert not admitted("operator/dcs_migration_operator/__pycache__")
    assert admitted("operator/dcs_migration_operator/cli.py")
