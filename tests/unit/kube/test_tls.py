"""Which API servers are believed, with certificates as real clusters have them."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.kube.tls import CannotTrust, authenticate, context
from support.checkout import ROOT
from unit.kube import authorities
from unit.kube.authorities import NEW, OLD, Issued, authority, handshake, issued, openssl

if TYPE_CHECKING:
    from collections.abc import Iterator


RUN_S_MAX = 30.0

NAMES = "DNS:kubernetes,IP:127.0.0.1"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Make an authority without key usage and identifiers."""
    return authority(tmp_path_factory.mktemp("old"), OLD)


@pytest.fixture(scope="module")
def server(old: Issued) -> Issued:
    """Run a server that it vouches for."""
    return issued(old, old.key.parent, "server", NAMES)


def interpreters() -> Iterator[str]:
    """Yield other Pythons of this machine: those on the path, and those that pyenv has."""
    names = [f"python3.{minor}" for minor in (12, 13, 14)]
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    folders += sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin"))
    for name in names:
        found = (str(folder / name) for folder in folders if (folder / name).exists())
        yield from (path for path in found if "shims" not in path)


def test_an_old_authority_is_trusted(old: Issued, server: Issued) -> None:
    """By this Python, whatever its own defaults are."""
    client = context(authority=old.pem)
    assert not client.verify_flags & ssl.VERIFY_X509_STRICT
    assert handshake(client, server, "127.0.0.1") == "ok"
    assert handshake(client, server, "kubernetes") == "ok"


@pytest.mark.parametrize("python", [sys.executable, *interpreters()])
def test_an_old_authority_is_trusted_by_every_python(
    python: str, old: Issued, server: Issued
) -> None:
    """3.13 would verify strictly by itself; the image has it."""
    files = (old.certificate, server.certificate, server.key)
    answer = subprocess.run(  # noqa: S603 - our own command line
        [python, authorities.__file__, *map(str, files), "127.0.0.1"],
        env={"PYTHONPATH": str(ROOT / "operator"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert (answer.stdout, answer.stderr) == ("ok", "")


def test_a_strict_context_would_refuse_it(old: Issued, server: Issued) -> None:
    """So these certificates tell one from the other."""
    strict = ssl.create_default_context(cadata=old.pem)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    assert "key" in handshake(strict, server, "127.0.0.1").lower()


def test_the_systems_authorities_are_not_trusted_more_than_by_default() -> None:
    """What an old authority of a cluster is forgiven is not forgiven to the world."""
    plain = ssl.create_default_context()
    ours = context()
    assert (ours.verify_flags, ours.verify_mode) == (plain.verify_flags, plain.verify_mode)
    assert ours.cert_store_stats() == plain.cert_store_stats()


def test_a_stranger_is_refused(server: Issued, tmp_path: Path) -> None:
    """Another authority of the same name does not vouch for it."""
    other = context(authority=authority(tmp_path, NEW).pem)
    assert handshake(other, server, "127.0.0.1") in {
        "certificate signature failure",
        "unable to get local issuer certificate",
    }


@pytest.mark.parametrize("name", ["127.0.0.2", "localhost"])
def test_another_name_is_refused(old: Issued, server: Issued, name: str) -> None:
    """It is said which."""
    assert f"not valid for '{name}'" in handshake(context(authority=old.pem), server, name)


def test_a_server_name_stands_for_that_of_the_address(old: Issued, server: Issued) -> None:
    """As kubectl's `tls-server-name`: checked in its place, not besides."""
    right = context(authority=old.pem, server_name="kubernetes")
    assert handshake(right, server, "127.0.0.2") == "ok"
    wrong = context(authority=old.pem, server_name="other")
    assert "not valid for 'other'" in handshake(wrong, server, "127.0.0.1")


def test_insecure_believes_everything(server: Issued) -> None:
    """Whoever says so, and under whatever name."""
    assert handshake(context(insecure=True), server, "anything") == "ok"


def test_a_listed_certificate_is_trusted_itself(old: Issued, server: Issued) -> None:
    """Though it is the server's own, and its issuer is not listed; so does Go."""
    assert handshake(context(authority=server.pem), server, "127.0.0.1") == "ok"
    intermediate = issued(
        old, old.key.parent, "between", "DNS:x", ("basicConstraints=critical,CA:TRUE",)
    )
    below = issued(intermediate, old.key.parent, "below", NAMES)
    assert handshake(context(authority=intermediate.pem), below, "127.0.0.1") == "ok"


def test_what_else_is_in_a_bundle_is_passed_over(old: Issued, server: Issued) -> None:
    """Comments in any language, keys, and certificates that cannot be read."""
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = f"# Főtanúsítvány\r\n{broken}{old.pem}\n{broken}"
    assert handshake(context(authority=bundle), server, "127.0.0.1") == "ok"


@pytest.mark.parametrize("text", ["SECRET", "-----BEGIN CERTIFICATE-----", "\n", "é"])
def test_an_authority_that_is_none_is_refused(text: str) -> None:
    """Rather than that nobody would be trusted."""
    with pytest.raises(CannotTrust, match=r"^is not a certificate in PEM form$"):
        context(authority=text)


def test_a_client_certificate_is_shown(old: Issued, server: Issued, tmp_path: Path) -> None:
    """From texts, and nothing of them is left on a disk."""
    client = issued(old, tmp_path / "made", "client", "DNS:somebody")
    made = context(authority=old.pem)
    authenticate(made, client.pem, client.key.read_text(encoding="ascii"))
    assert handshake(made, server, "127.0.0.1") == "ok"


def test_a_client_certificate_needs_no_folder(
    old: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod has none that it can write to."""
    client = issued(old, tmp_path, "client", "DNS:somebody")
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    authenticate(context(), client.pem, client.key.read_text(encoding="ascii"))


def test_without_memory_files_a_temporary_one_serves(
    old: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where people try things, on other systems."""
    client = issued(old, tmp_path / "made", "client", "DNS:somebody")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    authenticate(context(), client.pem, client.key.read_text(encoding="ascii"))
    assert not tuple(folder.iterdir())


def test_certificate_and_key_have_to_fit(old: Issued, server: Issued, tmp_path: Path) -> None:
    """A key of another, none at all, or one behind a password, which nobody is asked for."""
    encrypted = tmp_path / "encrypted.key"
    openssl("ec", "-in", server.key, "-aes256", "-passout", "pass:SECRET", "-out", encrypted)
    keys = (old.key.read_text(), "SECRET", encrypted.read_text())
    for key in keys:
        with pytest.raises(CannotTrust, match=r"^are not a certificate and its key") as caught:
            authenticate(context(), server.pem, key)
        assert "SECRET" not in str(caught.value)
