"""Certificate authorities and what they issued, as openssl makes them; and a handshake with them.

As a program, `python authorities.py CA CERTIFICATE KEY NAME` prints how a handshake ends that is
made with our own context: with the standard library alone, so that any interpreter can be asked.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUN_S_MAX: Final = 30.0

NO_IDENTIFIERS: Final = ("subjectKeyIdentifier=none", "authorityKeyIdentifier=none")

OLD: Final = ("basicConstraints=critical,CA:TRUE", *NO_IDENTIFIERS)
"""As the clusters of old EKS and GKE, or MicroK8s, have it: without key usage or identifiers."""

NEW: Final = (
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,cRLSign",
    "subjectKeyIdentifier=hash",
)
"""As kubeadm has it."""

CURVE: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.read_text(encoding="ascii")


def openssl(*arguments: str | Path, stdin: str = "") -> None:
    """Run openssl; a machine without it fails the test."""
    path = shutil.which("openssl")
    if not path:
        raise FileNotFoundError("openssl is needed to make certificates for tests")
    subprocess.run(  # noqa: S603 - our own command line
        [path, *arguments], input=stdin.encode(), capture_output=True, timeout=RUN_S_MAX, check=True
    )


def authority(folder: Path, extensions: tuple[str, ...]) -> Issued:
    """Make an authority with these extensions and no others."""
    folder.mkdir(exist_ok=True)
    made = Issued(folder / "ca.crt", folder / "ca.key")
    config = folder / "ca.cnf"
    lines = ["[req]", "distinguished_name=dn", "prompt=no", "[dn]", "CN=cluster", "[v3]"]
    config.write_text("\n".join([*lines, *extensions, ""]), encoding="ascii")
    where = ("-keyout", made.key, "-out", made.certificate)
    openssl(
        "req", "-x509", *CURVE, "-days", "36500", "-config", config, "-extensions", "v3", *where
    )
    return made


def issued(
    by: Issued, folder: Path, name: str, names: str, more: tuple[str, ...] = NO_IDENTIFIERS
) -> Issued:
    """Have an authority issue a certificate for names such as `DNS:localhost,IP:127.0.0.1`."""
    folder.mkdir(exist_ok=True)
    made = Issued(folder / f"{name}.crt", folder / f"{name}.key")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.cnf"
    extensions.write_text("\n".join([f"subjectAltName={names}", *more, ""]), encoding="ascii")
    openssl("req", *CURVE, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
    signed = ("-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial", "-days", "36500")
    openssl(
        *("x509", "-req", "-in", request, *signed, "-extfile", extensions),
        *("-out", made.certificate),
    )
    return made


def handshake(client: ssl.SSLContext, server: Issued, name: str) -> str:
    """Connect in memory; returns `ok`, or why the client refuses the server.

    The server asks for a certificate, and takes any or none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(down, up, server_hostname=name)
    there = context.wrap_bio(up, down, server_side=True)
    for _ in range(10):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    here.do_handshake()
    return "ok"


def main() -> None:
    """Print how a handshake ends that is made with our own context."""
    from dcs_migration_operator.kube.tls import context  # noqa: PLC0415 - tests import the rest

    ca, certificate, key, name = sys.argv[1:]
    client = context(authority=Path(ca).read_text(encoding="ascii"))
    sys.stdout.write(handshake(client, Issued(Path(certificate), Path(key)), name))


if __name__ == "__main__":
    main()
