"""Keys, tokens and kubeconfig files of the control plane.

Owns all credentials. They are created at each start, kept in the control plane's own folder,
readable only by its owner, and useless anywhere else.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ADMIN = "admin"
ADMIN_GROUP = "system:masters"
"""The group to which Kubernetes itself allows everything, without any RBAC object."""

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the curve P-256 (FIPS 186-4): a private key is a number below it."""

P256_OBJECT_ID = bytes.fromhex("06082a8648ce3d030107")
"""The DER form of the curve's name, prime256v1."""


def new_signing_key() -> str:
    """Return a new P-256 private key as PEM, for the API server to sign service account tokens.

    Written by hand so that neither openssl nor a cryptography package is needed: SEC 1 allows the
    public half to be left out, and the API server computes it.
    """
    scalar = (secrets.randbelow(P256_ORDER - 1) + 1).to_bytes(32, "big")
    parts = b"\x02\x01\x01" + _der(0x04, scalar) + _der(0xA0, P256_OBJECT_ID)
    text = base64.encodebytes(_der(0x30, parts)).decode()
    label = "EC PRIVATE KEY"
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def _der(tag: int, content: bytes) -> bytes:
    """Return one DER element; the short form of the length suffices for a key of 32 bytes."""
    return bytes([tag, len(content)]) + content


def token_file(tokens: Mapping[str, str], groups: Mapping[str, Sequence[str]]) -> str:
    """Return the API server's file of static tokens: token, user, user id, groups."""
    lines = [
        f'{token},{user},{user},"{",".join(groups.get(user, ()))}"'
        for user, token in tokens.items()
    ]
    return "\n".join(lines) + "\n"


def kubeconfig(url: str, ca_file: Path, user: str, token: str, namespace: str = "default") -> str:
    """Return a kubeconfig for one user."""
    name = "sandbox"
    context = {"cluster": name, "user": user, "namespace": namespace}
    cluster = {"server": url, "certificate-authority": str(ca_file)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }
    return yaml.safe_dump(config, sort_keys=False)


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read, and return its path."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
