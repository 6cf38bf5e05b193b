"""Which certificates are trusted, and what is said of those that are not."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import certifi
import pytest

from dcs_migration_operator.core.errors import Untrusted
from dcs_migration_operator.dcs import trust
from dcs_migration_operator.dcs.threads import ThreadedDcs
from dcs_migration_operator.dcs.trust import (
    BUNDLE_BYTES_MAX,
    NoCertificate,
    Trust,
    context_of,
    trust_in,
)
from dcs_migration_operator.settings import ChannelSettings
from unit.dcs import tls, wire

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


async def test_a_private_ca_is_trusted_for_all_or_for_one_project() -> None:
    """Either suffices; without it the answer of the server is never asked for."""
    pem = tls.pem_of(tls.ca())
    async with tls.server(tls.server_context()) as (endpoint, asked):
        for client in (
            wire.client_of(endpoint, trust=Trust(pem)),
            wire.client_of(endpoint, ca_bundle=pem),
            wire.client_of(endpoint, trust=Trust(tls.pem_of(tls.ca("another"))), ca_bundle=pem),
        ):
            assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
            client.close()
        stranger = wire.client_of(endpoint)
        error = await wire.error_of(stranger, "batch_stop", "id")
        stranger.close()
    assert (type(error), error.detail.code, error.answered) == (Untrusted, "untrusted", False)
    assert len(asked) == 3


async def test_calls_over_tls_share_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that the server sends unasked after the handshake is no reason for another one."""
    handshakes: list[ssl.SSLSocket] = []
    shake = ssl.SSLSocket.do_handshake

    def noted(sock: ssl.SSLSocket, *args: bool) -> None:
        handshakes.append(sock)
        shake(sock, *args)

    async with tls.server(tls.server_context()) as (endpoint, asked):
        client = wire.client_of(endpoint, ca_bundle=tls.pem_of(tls.ca()))
        monkeypatch.setattr(ssl.SSLSocket, "do_handshake", noted)
        for _ in range(3):
            await asyncio.to_thread(client.list_page, 0)
        client.close()
    ours = [sock for sock in handshakes if not sock.server_side]
    assert (len(asked), len(ours)) == (3, 1)


@pytest.mark.parametrize(
    "shown, why",
    [
        ({"authority": "another"}, "its issuer is unknown"),
        ({"host": "elsewhere.example.com"}, "it is for another host name"),
        ({"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "it has expired"),
        ({"not_before": NOW + DAY}, "it is not valid yet; check the clocks"),
    ],
)
async def test_the_message_says_why(shown: dict[str, object], why: str) -> None:
    """And which host it is about; what a bundle helps against comes with the way to give one."""
    authority = tls.ca(str(shown.pop("authority", "a private CA")))
    validity = {name: value for name, value in shown.items() if isinstance(value, datetime)}
    context = tls.server_context(
        str(shown.get("host", "localhost")), authority=authority, **validity
    )
    async with tls.server(context) as (endpoint, asked):
        client = wire.client_of(endpoint, ca_bundle=tls.pem_of(tls.ca()))
        error = await wire.error_of(client, "list", "")
        client.close()
    assert type(error) is Untrusted
    assert error.detail.message.startswith(
        f"localhost shows a certificate that is not trusted: {why}"
    )
    assert ("--ca-file" in error.detail.message) == ("issuer" in why)
    assert asked == []


async def test_a_self_signed_certificate_is_called_one() -> None:
    """It is the commonest kind in a laboratory."""
    authority = tls.ca("self-signed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.cert_pem.tempfile() as chain, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(chain, key)
    async with tls.server(context) as (endpoint, _):
        client = wire.client_of(endpoint)
        error = await wire.error_of(client, "list", "")
        client.close()
    assert "it is self-signed" in error.detail.message


async def test_an_intermediate_ca_suffices_as_in_curl() -> None:
    """Its root is not asked for."""
    intermediate = tls.ca("a root").create_child_ca()
    context = tls.server_context(authority=intermediate)
    async with tls.server(context) as (endpoint, _):
        client = wire.client_of(endpoint, ca_bundle=tls.pem_of(intermediate))
        assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
        client.close()


@pytest.mark.parametrize(
    "bundle",
    ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\0"],
)
async def test_a_bundle_that_is_none_is_a_matter_for_a_person(bundle: str) -> None:
    """Nothing is sent, and it is not passed over in silence."""
    async with tls.server(tls.server_context()) as (endpoint, asked):
        client = wire.client_of(endpoint, ca_bundle=bundle)
        error = await wire.error_of(client, "list", "")
        client.close()
    assert (type(error), error.detail.code) == (Untrusted, "ca-bundle")
    assert error.detail.message.startswith("spec.caBundle cannot be used: ")
    assert asked == []


def test_a_bundle_is_added_to_the_public_cas() -> None:
    """Never put in their place."""
    public, more = context_of(), context_of(tls.pem_of(tls.ca()))
    added = {str(found) for found in more.get_ca_certs()}
    assert added > {str(found) for found in public.get_ca_certs()}
    assert len(more.get_ca_certs()) == len(public.get_ca_certs()) + 1


def test_equal_bundles_share_a_context() -> None:
    """One takes 20 ms and most of a megabyte."""
    pem = tls.pem_of(tls.ca())
    assert context_of() is context_of("") is context_of("", "")
    assert context_of(pem) is context_of("", pem) is context_of(pem, pem)
    assert context_of(pem) is not context_of()


def test_what_stands_between_certificates_does_not_matter() -> None:
    """Comments in any language, keys, carriage returns."""
    pem = tls.pem_of(tls.ca())
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    text = f"# 私有 CA\r\n{pem}\r\n{key}\n{tls.pem_of(tls.ca('another'))}".replace("\n", "\r\n")
    assert len(context_of(text).get_ca_certs()) == len(context_of().get_ca_certs()) + 2


def test_every_context_verifies() -> None:
    """Chain and name; and a hand-made CA is judged alike by all releases of Python."""
    for context in (context_of(), context_of(tls.pem_of(tls.ca()))):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    private = context_of(tls.pem_of(tls.ca())).verify_flags
    assert not private & ssl.VERIFY_X509_STRICT
    assert private & ssl.VERIFY_X509_PARTIAL_CHAIN


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The public CAs are those that ship with the operator."""
    before = {str(found) for found in context_of().get_ca_certs()}
    monkeypatch.setattr(trust, "_context", trust._context.__wrapped__)  # noqa: SLF001 - made anew
    (tmp_path / "ca.crt").write_text(tls.pem_of(tls.ca()))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = context_of()
    assert {str(found) for found in context.get_ca_certs()} == before
    assert context.keylog_filename is None


class TestFile:
    """`--ca-file`: read, or refused in words."""

    def test_certificates_are_taken_out_of_it(self, tmp_path: Path) -> None:
        """And their printed form is short."""
        file = tmp_path / "ca.crt"
        file.write_text(f"# ours\n{tls.pem_of(tls.ca())}")
        found = trust_in(str(file))
        assert "BEGIN CERTIFICATE" in found.pem
        assert "ours" not in found.pem
        assert "BEGIN" not in repr(found)

    def test_the_public_cas_are_a_bundle_too(self) -> None:
        """They are well within the limit."""
        assert trust_in(certifi.where()).pem.count("BEGIN CERTIFICATE") > 100

    @pytest.mark.parametrize(
        "content, why",
        [
            (b"", "holds no certificate in PEM"),
            (b"\x30\x82\x01\x00", "holds no certificate in PEM"),
            (b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "no certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "cannot be read"),
            (b"x" * (BUNDLE_BYTES_MAX + 1), "is larger than"),
        ],
    )
    def test_what_is_none_is_refused(self, tmp_path: Path, content: bytes, why: str) -> None:
        """One line that names the file."""
        file = tmp_path / "ca.crt"
        file.write_bytes(content)
        with pytest.raises(NoCertificate, match=f"^{file}.*{why}"):
            trust_in(str(file))

    def test_what_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        """A folder, nothing at all, no path."""
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises(NoCertificate, match="cannot be read"):
                trust_in(str(path))
        with pytest.raises(NoCertificate):
            trust_in("\0")


async def test_a_ca_that_is_exchanged_is_picked_up(tmp_path: Path) -> None:
    """After one failure, without a restart; a file that is broken meanwhile changes nothing."""
    file = tmp_path / "ca.crt"
    file.write_text(tls.pem_of(tls.ca("old")))
    async with tls.server(tls.server_context()) as (endpoint, asked):
        account = wire.account_of(endpoint)
        dcs = ThreadedDcs(account, ChannelSettings(ca_file=str(file)))
        for content in (tls.pem_of(tls.ca("old")), "broken", tls.pem_of(tls.ca())):
            file.write_text(content)
            with pytest.raises(Untrusted):
                await dcs.list_page(0)
        assert asked == []
        assert (await dcs.list_page(0)).rows == 0
        dcs.close()
