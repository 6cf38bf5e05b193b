"""What the pages say of other pages, of generated facts and of the rights that DCS asks for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import certifi
import pytest
import yaml

from dcs_migration_operator import cli
from dcs_migration_operator.core.cloud import PERMISSIONS
from docs.pages import anchors, links, read
from reference import options
from reference.__main__ import main, pages, stale
from support.checkout import ROOT

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

EVERY_PAGE = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)

PROBES = (
    *("7", "off", "on", "text", "error", "127.0.0.1:1", "https://dcs.example.com"),
    *("http://proxy.example.com:3128", certifi.where()),
)
"""Values of which every option takes at least one that is not its default."""


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_links_lead_somewhere(page: str) -> None:
    """Each link within the repository names a file that is there, and a heading in it."""
    for path, anchor in links(page):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), f"{path}#{anchor}"


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_manifests_can_be_read(page: str) -> None:
    """Each block of YAML holds objects that say what they are."""
    for block in re.findall(r"^```yaml\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL):
        for body in yaml.safe_load_all(block):
            wanted = {"apiVersion", "kind", "metadata", "spec"}
            if body["kind"] == "Namespace":
                wanted -= {"spec"}
            if body["apiVersion"].startswith("kustomize.config.k8s.io/"):  # never in a cluster
                wanted -= {"metadata", "spec"}
            assert wanted <= body.keys()


def test_generated_pages_are_current() -> None:
    """`python -m reference` would change nothing."""
    assert stale(pages()) == []


def test_a_stale_page_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names it and fails; without it the page is written, and then all is well."""
    page = tmp_path / "page.md"
    monkeypatch.setattr("reference.__main__.ROOT", tmp_path)
    monkeypatch.setattr("reference.__main__.pages", lambda: {page: "new\n"})
    page.write_text("old\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert (main(), capsys.readouterr().out) == (1, "stale: page.md\n")
    monkeypatch.setattr("sys.argv", ["reference"])
    assert (main(), capsys.readouterr().out) == (0, "written: page.md\n")
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert (main(), capsys.readouterr().out) == (0, "")


@pytest.mark.parametrize("option", list(options.actions()), ids=lambda one: one.dest)
def test_the_variable_of_an_option_is_read(
    option: argparse.Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What options.md calls the environment variable of an option changes a setting."""
    before = settings()
    for probe in PROBES:
        monkeypatch.setenv(options.variable(option), probe)
        try:
            changed = settings() != before
        except SystemExit:
            changed = False
        if changed:
            return
    assert option.option_strings[0] in options.THE_DEFAULT


def settings() -> object:
    """Return the settings of a bare `run` in this environment."""
    return cli._settings(cli._parser().parse_args(["run"]))  # noqa: SLF001 - before anything runs


def test_the_policy_grants_what_the_operator_calls() -> None:
    """The IAM policy of the page has exactly the actions that the operator names when refused."""
    (policy,) = re.findall(r"```json\n(.*?)```", read("docs/getting-started.md"), re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Effect"] == "Allow"
    assert sorted(statement["Action"]) == sorted(set(PERMISSIONS.values()))
