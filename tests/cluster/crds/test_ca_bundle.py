"""What the CRDs of both kinds of project take for a bundle of certificates."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest

from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.api import Api

CLUSTER_PROJECTS = f"/apis/{manifests.GROUP_VERSION}/clusterdcsprojects"
SENTENCE = "caBundle must be PEM certificates, base64-encoded once"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def encoded(text: str | bytes) -> str:
    """Return what stands in a manifest."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.fixture(params=["DCSProject", "ClusterDCSProject"])
def create(
    request: pytest.FixtureRequest, api: Api, namespace: str
) -> Iterator[Callable[..., Any]]:
    """Create a project of either kind, and return its spec as it was stored."""
    made: list[str] = []
    namespaced = request.param == "DCSProject"
    collection = manifests.path(namespace, manifests.PROJECTS) if namespaced else CLUSTER_PROJECTS

    def one(**spec: Any) -> Any:
        name = f"p{secrets.token_hex(4)}"
        body = manifests.dcs_project(name, **({"region": "cn-north-4"} | spec))
        stored = api.create(collection, body | {"kind": request.param})
        made.append(name)
        return stored["spec"]

    yield one
    for name in made:
        api.delete(f"{collection}/{name}")


def test_certificates_are_stored_as_they_are(create: Callable[..., Any]) -> None:
    """One is kept, and one with a foreign comment, and as many as there are public CAs."""
    public = Path(certifi.where()).read_text(encoding="utf-8")
    for bundle in (PEM, f"# 私有 CA\r\n{PEM}", public[: 190 * 2**10]):
        assert create(caBundle=encoded(bundle))["caBundle"] == encoded(bundle)
    assert "caBundle" not in create()


@pytest.mark.parametrize(
    "bundle, words",
    [
        ("", "spec.caBundle in body must be of type byte"),
        (encoded("no certificate"), SENTENCE),
        (encoded(encoded(PEM)), SENTENCE),
        (encoded("-----BEGIN PRIVATE KEY-----"), SENTENCE),
        (PEM, "spec.caBundle in body must be of type byte"),
        ("%%%%", "spec.caBundle"),
        (encoded(b"\x30\x82\xff\xfe"), "spec.caBundle"),
        ("A" * 262_148, "spec.caBundle: Too long"),
    ],
)
def test_what_is_no_bundle_is_refused(create: Callable[..., Any], bundle: str, words: str) -> None:
    """A bundle that is empty, wrongly encoded, a key, DER or far too large gets one sentence."""
    with pytest.raises(ApiError) as refusal:
        create(caBundle=bundle)
    assert refusal.value.status == 422
    assert words in refusal.value.message
