"""Which cluster is logged in to, and what is said when there is none."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dcs_migration_operator.kube.login import NoCluster, login

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home without a kubeconfig, outside of any cluster."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "to be restored, whatever login does")
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_PORT", raising=False)
    return tmp_path


def config(server: str = "https://127.0.0.1:6443", **user: Any) -> dict[str, Any]:
    """Return a kubeconfig with one context."""
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "TOKEN-1"} | user}],
    }


def written(path: Path, content: object) -> str:
    """Write a kubeconfig; returns its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def in_pod(home: Path) -> str:
    """Mount a ServiceAccount; returns the folder."""
    folder = home / "serviceaccount"
    written(folder / "token", "POD-TOKEN")
    written(folder / "namespace", "system\n")
    return str(folder)


def outside(home: Path) -> str:
    """Return a folder where no ServiceAccount is mounted."""
    return str(home / "nothing-mounted")


def test_the_named_kubeconfig_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before `KUBECONFIG`, the pod and the home."""
    monkeypatch.setenv("KUBECONFIG", written(home / "env", config("https://env")))
    written(home / ".kube" / "config", config("https://home"))
    cluster = login(written(home / "named", config("https://named")), in_pod(home))
    assert (cluster.server, cluster.token_file) == ("https://named", "")
    assert cluster.headers["Authorization"] == "Bearer TOKEN-1"


def test_kubeconfig_comes_before_the_pod(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets it in a pod means it."""
    monkeypatch.setenv("KUBECONFIG", written(home / "env", config("https://env")))
    assert login("", in_pod(home)).server == "https://env"


def test_the_pod_comes_before_the_home(home: Path) -> None:
    """Its token rotates, so it is read from its file and not kept."""
    written(home / ".kube" / "config", config("https://home"))
    folder = in_pod(home)
    cluster = login("", folder)
    assert (cluster.server, cluster.namespace) == ("https://kubernetes.default.svc", "system")
    assert cluster.token_file == f"{folder}/token"
    assert "Authorization" not in cluster.headers
    assert "POD-TOKEN" not in repr(cluster)


@pytest.mark.parametrize(
    "host,server", [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
)
def test_a_pod_finds_the_server_without_dns(
    home: Path, monkeypatch: pytest.MonkeyPatch, host: str, server: str
) -> None:
    """By the variables that Kubernetes sets in every pod; an IPv6 address takes brackets."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    assert login("", in_pod(home)).server == server


def test_the_home_comes_last(home: Path) -> None:
    """This is as kubectl does it."""
    written(home / ".kube" / "config", config("https://home"))
    cluster = login("", outside(home))
    assert (cluster.server, cluster.namespace) == ("https://home", "default")
    assert "TOKEN-1" not in repr(cluster)


def test_the_context_names_namespace_proxy_and_trust(home: Path) -> None:
    """They are taken over."""
    content = config()
    content["contexts"][0]["context"]["namespace"] = "team-b"
    content["clusters"][0]["cluster"] |= {
        "proxy-url": "http://proxy.example:3128",
        "insecure-skip-tls-verify": True,
    }
    cluster = login(written(home / "named", content), outside(home))
    assert (cluster.namespace, cluster.proxy) == ("team-b", "http://proxy.example:3128")
    assert isinstance(cluster.ssl, ssl.SSLContext)
    assert cluster.ssl.verify_mode is ssl.CERT_NONE


def test_certificates_are_checked_unless_told_otherwise(home: Path) -> None:
    """The name too."""
    context = login(written(home / "named", config()), outside(home)).ssl
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_without_any_cluster_it_says_what_to_name(home: Path) -> None:
    """It is so outside of a pod, without a kubeconfig."""
    assert home.exists()
    with pytest.raises(NoCluster, match=r"^no cluster: name a kubeconfig with --kubeconfig"):
        login("", outside(home))


GARBAGE = base64.b64encode(b"SECRET").decode()


def trusting(**cluster: str) -> dict[str, Any]:
    """Return a kubeconfig with more about its cluster."""
    return config() | {"clusters": [{"name": "c", "cluster": {"server": "https://x"} | cluster}]}


UNUSABLE: dict[str, Any] = {
    "empty": "",
    "text": "SECRET",
    "list": "[SECRET]",
    "unclosed": "{SECRET",
    "two-colons": "a: b: SECRET",
    "tab": "\tSECRET: 1",
    "python-tag": "token: !!python/object SECRET",
    "contexts-text": "contexts: SECRET",
    "no-contexts": "current-context: here",
    "other-context": {"current-context": "there", "contexts": []},
    "null-clusters": {
        "current-context": "here",
        "contexts": [{"name": "here"}],
        "clusters": None,
    },
    "nameless": {"current-context": "here", "contexts": [{}]},
    "no-server": config(""),
    "no-pem": config(**{"client-certificate-data": GARBAGE, "client-key-data": GARBAGE}),
    "no-base64": config(**{"client-certificate-data": "*", "client-key-data": "*"}),
    "no-file": config(**{"client-certificate": "/nowhere/c.crt", "client-key": "/nowhere/key"}),
    "ca-no-pem": trusting(**{"certificate-authority-data": GARBAGE}),
    "ca-no-file": trusting(**{"certificate-authority": "/nowhere/ca.crt"}),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_kubeconfig_is_one_clear_sentence(home: Path, name: str) -> None:
    """It says which option fixes it, on one line, and repeats nothing that may be a secret."""
    with pytest.raises(NoCluster, match="--kubeconfig") as caught:
        login(written(home / "named", UNUSABLE[name]), outside(home))
    assert "\n" not in str(caught.value)
    assert "TOKEN-1" not in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("path", ["/nowhere/config", "/", " ", ":"])
def test_a_kubeconfig_that_cannot_be_read_is_one_clear_sentence(home: Path, path: str) -> None:
    """It may be missing, be a folder, or only separators."""
    assert home.exists()
    with pytest.raises(NoCluster, match="--kubeconfig") as caught:
        login(path, outside(home))
    assert "\n" not in str(caught.value)


def test_a_broken_pod_is_not_blamed_on_a_kubeconfig(home: Path) -> None:
    """No option would fix it there."""
    folder = in_pod(home)
    written(home / "serviceaccount" / "ca.crt", "SECRET")
    with pytest.raises(NoCluster, match="the ServiceAccount of the pod") as caught:
        login("", folder)
    assert "SECRET" not in str(caught.value)
