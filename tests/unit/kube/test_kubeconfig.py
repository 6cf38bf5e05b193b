"""Kubeconfigs as people have them: read as kubectl reads them, or refused in one sentence.

That kubectl comes to the same end on the same files is proven by `tests/cluster`.
"""

from __future__ import annotations

import base64
import json
import ssl
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcs_migration_operator.kube.kubeconfig import (
    FILE_BYTES_MAX,
    KubeconfigError,
    cluster_of,
    files,
)
from unit.kube.authorities import OLD, Issued, authority, issued

if TYPE_CHECKING:
    from pathlib import Path

    from dcs_migration_operator.kube.session import Cluster


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Make the cluster's authority."""
    return authority(tmp_path_factory.mktemp("ca"), OLD)


@pytest.fixture(scope="module")
def client(ca: Issued, tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Issue a client certificate."""
    return issued(ca, tmp_path_factory.mktemp("client"), "client", "DNS:somebody")


def b64(text: str | bytes) -> str:
    """Return a value of a `…-data` field."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def config(
    *, cluster: Any = None, user: Any = None, context: Any = None, **top: Any
) -> dict[str, Any]:
    """Return a kubeconfig; what is given is added or replaces, None removes."""
    made: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://host:6443"} | (cluster or {})}],
        "users": [{"name": "u", "user": {"token": "TOKEN-1"} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"} | (context or {})}],
        "current-context": "x",
    }
    return {key: value for key, value in (made | top).items() if value is not None}


def written(path: Path, content: object) -> Path:
    """Write a kubeconfig."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def read(folder: Path, **parts: Any) -> Cluster:
    """Read a kubeconfig of these parts."""
    return cluster_of([written(folder / "config", config(**parts))])


def refused(folder: Path, content: object) -> str:
    """Return why a kubeconfig is refused; nothing of its secrets is in sight."""
    with pytest.raises(KubeconfigError) as caught:
        cluster_of([written(folder / "config", content)])
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    assert "TOKEN" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Which files


def test_the_option_names_one_file(tmp_path: Path) -> None:
    """Also with a colon in its name, and though it does not exist: that is told when it is read."""
    assert [str(path) for path in files("/a:/b", {"KUBECONFIG": str(tmp_path)})] == ["/a:/b"]


def test_the_variable_names_several(tmp_path: Path) -> None:
    """Those that do not exist and empty ones are left out, and each is read once."""
    one, two = written(tmp_path / "one", {}), written(tmp_path / "two", {})
    named = f":{one}:{tmp_path}/missing:{two}:{one}:"
    assert files("", {"KUBECONFIG": named}) == [one, two]


@pytest.mark.parametrize("named", ["/nowhere/a:/nowhere/b", ":", "~/config"])
def test_a_variable_that_names_nothing_is_not_passed_over(named: str) -> None:
    """Whoever sets it does not mean another cluster; only shells know a tilde."""
    with pytest.raises(KubeconfigError, match=r"^KUBECONFIG names no file that exists$"):
        files("", {"KUBECONFIG": named})


def test_nobody_names_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is the one in the home, if there is a home and it has one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files("", {}) == []
    (tmp_path / ".kube").mkdir()
    path = written(tmp_path / ".kube" / "config", {})
    assert files("", {"KUBECONFIG": ""}) == [path]
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without an entry
    assert files("", {}) == []


# How several are merged


def test_the_first_file_that_says_something_wins(tmp_path: Path) -> None:
    """Whole entries: what a later file adds to one of them does not count."""
    first = written(
        tmp_path / "first",
        {"current-context": "", "users": [{"name": "u", "user": {"token": "FIRST"}}]},
    )
    second = written(tmp_path / "second", config(user={"token": "SECOND", "as": "somebody"}))
    third = written(tmp_path / "third", config(cluster={"server": "https://third"}))
    found = cluster_of([first, second, third])
    assert (found.server, found.headers) == (
        "https://host:6443",
        {"Authorization": "Bearer FIRST"},
    )
    assert found.impersonation == ()


def test_each_path_is_relative_to_its_own_file(tmp_path: Path, ca: Issued) -> None:
    """The authority of one file and the token of another are both found."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "ca.crt").write_text(ca.pem)
    (tmp_path / "b" / "token").write_text("TOKEN-2\n")
    whole = config(cluster={"certificate-authority": "ca.crt"})
    users = whole.pop("users")
    users[0]["user"] = {"tokenFile": "token"}
    found = cluster_of(
        [
            written(tmp_path / "a" / "config", whole),
            written(tmp_path / "b" / "config", {"users": users}),
        ]
    )
    assert found.token_file == str(tmp_path / "b" / "token")
    assert isinstance(found.ssl, ssl.SSLContext)
    assert found.ssl.cert_store_stats()["x509_ca"] == 1


def test_a_broken_file_is_not_passed_over(tmp_path: Path) -> None:
    """Wherever in the list it stands; it is named."""
    good, broken = written(tmp_path / "good", config()), written(tmp_path / "broken", "{SECRET")
    for paths in ([good, broken], [broken, good]):
        with pytest.raises(KubeconfigError, match=r"broken is neither YAML nor JSON$"):
            cluster_of(paths)


# How a file is written

WRITINGS = {
    "yaml": yaml.safe_dump(config()).encode(),
    "json": json.dumps(config()).encode(),
    "json-tabs": json.dumps(config(), indent="\t").encode(),
    "bom": b"\xef\xbb\xbf" + yaml.safe_dump(config()).encode(),
    "bom-json": b"\xef\xbb\xbf" + json.dumps(config()).encode(),
    "crlf": yaml.safe_dump(config()).replace("\n", "\r\n").encode(),
    "utf-16": yaml.safe_dump(config()).encode("utf-16"),
    "two-documents": b"---\n" + yaml.safe_dump(config()).encode() + b"---\nother: 1\n",
    "last-key-wins": b"current-context: other\n" + yaml.safe_dump(config()).encode(),
    "no-kind": yaml.safe_dump(config(kind=None, apiVersion=None)).encode(),
    "unknown-fields": yaml.safe_dump(config(cluster={"more": 1}, extensions=[])).encode(),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_it_may_be_written_in_many_ways(tmp_path: Path, writing: str) -> None:
    """People, PowerShell and programs each write it in another way, and all are read."""
    found = cluster_of([written(tmp_path / "config", WRITINGS[writing])])
    assert found.server == "https://host:6443"
    assert found.headers == {"Authorization": "Bearer TOKEN-1"}


NO_KUBECONFIG = {
    "text": ("SECRET", "is not a kubeconfig"),
    "list": ("[SECRET]", "is not a kubeconfig"),
    "unclosed": ("{SECRET", "is neither YAML nor JSON"),
    "two-colons": ("a: b: SECRET", "is neither YAML nor JSON"),
    "tab": ("\tSECRET: 1", "is neither YAML nor JSON"),
    "python-tag": ("token: !!python/object SECRET", "is neither YAML nor JSON"),
    "latin-1": (b"token: SECRET\xe9", "is neither YAML nor JSON"),
    "nested": ("[" * 500, "is neither YAML nor JSON"),
    "empty": ("", "it has no current-context"),
    "secret": (config(kind="Secret"), "is of another kind than Config, v1"),
    "version": (config(apiVersion="v2"), "is of another kind than Config, v1"),
    "large": ("#" * (FILE_BYTES_MAX + 1), "is too large"),
}


@pytest.mark.parametrize("name", NO_KUBECONFIG)
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, name: str) -> None:
    """The message has the path of the file."""
    content, words = NO_KUBECONFIG[name]
    said = refused(tmp_path, content)
    assert words in said
    assert str(tmp_path / "config") in said or name == "empty"


@pytest.mark.parametrize(
    "path, words",
    [("/nowhere/config", "No such file"), ("/", "Is a directory"), ("a\0b", "is not a path")],
)
def test_what_cannot_be_read_is_refused(path: str, words: str) -> None:
    """In the system's words."""
    with pytest.raises(KubeconfigError, match=words):
        cluster_of(files(path, {}))


# Contexts

CONTEXTS = {
    "none": (config(**{"current-context": None}), "it has no current-context"),
    "empty": (config(**{"current-context": ""}), "it has no current-context"),
    "number": (config(**{"current-context": 7}), "current-context is not text"),
    "other": (config(**{"current-context": "y"}), 'current-context "y" does not exist'),
    "no-contexts": (config(contexts=None), 'current-context "x" does not exist'),
    "contexts-text": (config(contexts="SECRET"), "contexts is not a list"),
    "contexts-map": (config(contexts={"x": 1}), "contexts is not a list"),
    "contexts-of-text": (config(contexts=["SECRET"]), "contexts is not a list"),
    "nameless": (config(contexts=[{}]), 'current-context "x" does not exist'),
    "context-text": (
        config(contexts=[{"name": "x", "context": "SECRET"}]),
        'context "x" has no fields',
    ),
    "context-null": (config(contexts=[{"name": "x"}]), 'context "x" names no cluster'),
    "twice": (config(contexts=[{"name": "x"}] * 2), 'has the context "x" twice'),
    "no-cluster": (config(context={"cluster": ""}), 'context "x" names no cluster'),
    "other-cluster": (config(context={"cluster": "d"}), 'cluster "d" of context "x" does not'),
    "no-clusters": (config(clusters=None), 'cluster "c" of context "x" does not exist'),
    "no-user": (config(context={"user": None}), 'context "x" names no user'),
    "other-user": (config(context={"user": "v"}), 'user "v" of context "x" does not exist'),
    "users-twice": (
        config(users=[{"name": "u", "user": {"token": "TOKEN-2"}}] * 2),
        'has the user "u" twice',
    ),
    "namespace": (config(context={"namespace": 5}), 'context "x": namespace is not text'),
    "long-name": (config(**{"current-context": "SECRET" * 99}), "its current-context does not"),
    "name-of-two-lines": (config(**{"current-context": "a\nb"}), "its current-context does not"),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_context_that_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    """It is said what is missing, with the name it would have."""
    content, words = CONTEXTS[name]
    assert words in refused(tmp_path, content)


def test_only_what_is_used_has_to_be_right(tmp_path: Path) -> None:
    """Other contexts of the same file may lead nowhere."""
    content = config()
    content["contexts"] += [{"name": "y", "context": {"cluster": "gone", "user": "gone"}}]
    content["users"] += [{"name": "v", "user": {"exec": {"command": "aws"}}}]
    assert cluster_of([written(tmp_path / "config", content)]).namespace == "default"


def test_a_context_has_a_namespace(tmp_path: Path) -> None:
    """That of the Lease, if nothing else says so."""
    assert read(tmp_path, context={"namespace": "team-a"}).namespace == "team-a"


# Clusters

SERVERS = {
    "https://host:6443/": "https://host:6443",
    "https://host:6443/k8s/clusters/c-abc/": "https://host:6443/k8s/clusters/c-abc",
    "https://host?a=b#c": "https://host",
    "HTTPS://Host": "https://Host",
    "https://[fd00::1]:6443": "https://[fd00::1]:6443",
    "http://127.0.0.1:8001": "http://127.0.0.1:8001",
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_has_a_port_and_a_path(tmp_path: Path, server: str) -> None:
    """As Rancher's; a slash at its end does not matter."""
    assert read(tmp_path, cluster={"server": server}).server == SERVERS[server]


@pytest.mark.parametrize(
    "server",
    [
        *("host:6443", "host", "ftp://host", "https://", "https://host ", "https://host:SECRET"),
        *("https://host:99999", "https://[::1", "https://user:SECRET@host", "https://ho\nst"),
    ],
)
def test_a_server_that_is_none_is_refused(tmp_path: Path, server: str) -> None:
    """Without being repeated: a password may be in it."""
    said = refused(tmp_path, config(cluster={"server": server}))
    assert 'the server of cluster "c"' in said


@pytest.mark.parametrize("cluster", [{"server": ""}, {"server": None}])
def test_a_cluster_without_a_server_is_refused(tmp_path: Path, cluster: dict[str, Any]) -> None:
    """It is named."""
    assert refused(tmp_path, config(cluster=cluster)) == 'cluster "c" has no server'


def test_an_authority_may_be_a_file_or_in_place(tmp_path: Path, ca: Issued) -> None:
    """In place also over several lines, as base64 writes it."""
    (tmp_path / "ca.crt").write_text(ca.pem)
    folded = base64.encodebytes(ca.pem.encode()).decode()
    for cluster in (
        {"certificate-authority": "ca.crt"},
        {"certificate-authority": str(tmp_path / "ca.crt"), "certificate-authority-data": ""},
        {"certificate-authority-data": b64(ca.pem)},
        {"certificate-authority-data": folded},
    ):
        trust = read(tmp_path, cluster=cluster).ssl
        assert isinstance(trust, ssl.SSLContext)
        assert trust.cert_store_stats()["x509_ca"] == 1
        assert trust.check_hostname
        assert not trust.verify_flags & ssl.VERIFY_X509_STRICT


def test_insecure_is_taken_at_its_word(tmp_path: Path) -> None:
    """Nobody is checked."""
    trust = read(tmp_path, cluster={"insecure-skip-tls-verify": True}).ssl
    assert isinstance(trust, ssl.SSLContext)
    assert (trust.verify_mode, trust.check_hostname) == (ssl.CERT_NONE, False)


def test_a_proxy_is_used(tmp_path: Path) -> None:
    """It may need a password, which is not shown."""
    found = read(tmp_path, cluster={"proxy-url": "http://user:SECRET@proxy:3128"})
    assert found.proxy == "http://user:SECRET@proxy:3128"
    assert "SECRET" not in repr(found)


CLUSTERS = {
    "ca-both": ({"certificate-authority": "a", "certificate-authority-data": "b"}, "remove one"),
    "ca-missing": ({"certificate-authority": "gone.crt"}, "gone.crt: No such file"),
    "ca-no-base64": ({"certificate-authority-data": "*SECRET*"}, "-data is not base64"),
    "ca-no-pem": ({"certificate-authority-data": b64("SECRET")}, "is not a certificate in PEM"),
    "ca-number": ({"certificate-authority-data": 7}, "certificate-authority-data is not text"),
    "insecure-text": ({"insecure-skip-tls-verify": "true"}, "is neither true nor false"),
    "insecure-ca": (
        {"insecure-skip-tls-verify": True, "certificate-authority-data": b64("SECRET")},
        "exclude each other",
    ),
    "name": ({"tls-server-name": ["SECRET"]}, "tls-server-name is not text"),
    "proxy-socks": ({"proxy-url": "socks5://user:SECRET@host:1"}, "proxy-url is supported for"),
    "proxy-https": ({"proxy-url": "https://host:1"}, "proxy-url is supported for http://"),
    "proxy-bare": ({"proxy-url": "host:3128"}, "proxy-url is supported for http://"),
    "proxy-port": ({"proxy-url": "http://host:SECRET"}, "proxy-url is supported for http://"),
}


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_that_cannot_be_reached_so_is_refused(tmp_path: Path, name: str) -> None:
    """By the name of the field."""
    cluster, words = CLUSTERS[name]
    said = refused(tmp_path, config(cluster=cluster))
    assert words in said
    assert 'cluster "c"' in said


# Users


def test_a_token_is_sent(tmp_path: Path) -> None:
    """It stays as it is, and is not shown."""
    found = read(tmp_path)
    assert found.headers == {"Authorization": "Bearer TOKEN-1"}
    assert "TOKEN-1" not in repr(found)


def test_a_token_in_a_file_outweighs_one_in_place(tmp_path: Path) -> None:
    """It is read again when it changes; as long as it is missing, the other one has to do."""
    user = {"token": "TOKEN-1", "tokenFile": "token"}
    missing = read(tmp_path, user=user)
    assert (missing.headers, missing.token_file) == ({"Authorization": "Bearer TOKEN-1"}, "")
    (tmp_path / "token").write_text("TOKEN-2\n")
    found = read(tmp_path, user=user)
    assert (found.headers, found.token_file) == ({}, str(tmp_path / "token"))


def test_a_password_is_sent(tmp_path: Path) -> None:
    """To what stands before an API server; it knows none itself any more."""
    found = read(tmp_path, user={"username": "me", "password": "pässword"})
    scheme, _, pair = found.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "me:pässword")


def test_a_client_certificate_is_used(tmp_path: Path, client: Issued) -> None:
    """From files or in place; nothing else is sent."""
    key = client.key.read_text()
    (tmp_path / "c.crt").write_text(client.pem)
    (tmp_path / "c.key").write_text(key)
    for user in (
        {"client-certificate": "c.crt", "client-key": "c.key"},
        {"client-certificate-data": b64(client.pem), "client-key-data": b64(key)},
        {"client-certificate": "c.crt", "client-key-data": b64(key)},
    ):
        assert read(tmp_path, user=user).headers == {}


def test_another_user_may_be_acted_for(tmp_path: Path) -> None:
    """So that the operator has the rights that kubectl has, and no others."""
    found = read(
        tmp_path,
        user={
            "token": "TOKEN-1",
            "as": "system:serviceaccount:default:nobody",
            "as-uid": "7",
            "as-groups": ["one", "two"],
            "as-user-extra": {"Scopes": ["a", "b"], "example.com/x": ["ü"]},
        },
    )
    assert found.impersonation == (
        ("Impersonate-User", "system:serviceaccount:default:nobody"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "one"),
        ("Impersonate-Group", "two"),
        ("Impersonate-Extra-scopes", "a"),
        ("Impersonate-Extra-scopes", "b"),
        ("Impersonate-Extra-example.com%2Fx", "ü"),
    )


def test_a_token_does_without_the_program_beside_it(tmp_path: Path) -> None:
    """As for kubectl, which then does not run it either."""
    user = {"token": "TOKEN-1", "exec": {"command": "aws"}, "auth-provider": None}
    assert read(tmp_path, user=user).headers == {"Authorization": "Bearer TOKEN-1"}


USERS = {
    "exec": ({"exec": {"command": "SECRET"}}, "exec is not supported"),
    "exec-empty": ({"exec": {}}, "exec is not supported"),
    "provider": (
        {"auth-provider": {"name": "gcp", "config": {"access-token": "SECRET"}}},
        "auth-provider is not supported",
    ),
    "provider-token": ({"token": "TOKEN-1", "auth-provider": {}}, "auth-provider is not supported"),
    "none": ({}, "has neither a token nor a certificate"),
    "null": (None, "has neither a token nor a certificate"),
    "as-alone": ({"as": "somebody"}, "has neither a token nor a certificate"),
    "text": ("SECRET", "has no fields"),
    "token-number": ({"token": 12345}, "token is not text; put it in quotes"),
    "token-lines": ({"token": "SECRET\n"}, "token holds a line break"),
    "token-and-password": ({"token": "TOKEN-1", "password": "SECRET"}, "both a token and"),
    "file-and-password": ({"tokenFile": "t", "password": "SECRET"}, "both a token and a password"),
    "file-missing": ({"tokenFile": "gone"}, "gone: No such file"),
    "file-empty": ({"tokenFile": "empty"}, "empty is empty"),
    "password-number": ({"username": "me", "password": 1}, "password is not text"),
    "certificate-alone": ({"client-certificate-data": b64("SECRET")}, "go together"),
    "key-alone": ({"token": "TOKEN-1", "client-key-data": b64("SECRET")}, "go together"),
    "certificate-both": (
        {"client-certificate-data": b64("SECRET"), "client-certificate": "c", "client-key": "k"},
        "both client-certificate and client-certificate-data are there",
    ),
    "certificate-missing": ({"client-certificate": "gone", "client-key": "gone"}, "No such file"),
    "certificate-no-pem": (
        {"client-certificate-data": b64("SECRET"), "client-key-data": b64("SECRET")},
        "are not a certificate and its key in PEM form",
    ),
    "groups-alone": ({"token": "TOKEN-1", "as-groups": ["one"]}, "need as"),
    "groups-text": ({"token": "TOKEN-1", "as": "me", "as-groups": "one"}, "not a list of texts"),
    "extra-text": ({"token": "TOKEN-1", "as": "me", "as-user-extra": "x"}, "has no fields"),
    "extra-values": ({"token": "T", "as": "me", "as-user-extra": {"a": "b"}}, "a is not a list"),
    "as-lines": ({"token": "TOKEN-1", "as": "a\nb"}, "holds a line break"),
}


@pytest.mark.parametrize("name", USERS)
def test_a_user_that_cannot_be_had_is_refused(tmp_path: Path, name: str) -> None:
    """By the name of the field; never silently as nobody, or as more than kubectl would be."""
    user, words = USERS[name]
    written(tmp_path / "empty", " \n")
    content = config()
    content["users"] = [{"name": "u", "user": user}]
    said = refused(tmp_path, content)
    assert words in said
    assert 'user "u"' in said


def test_who_needs_nothing_may_have_nothing(tmp_path: Path) -> None:
    """`kubectl proxy` signs in by itself."""
    found = read(tmp_path, cluster={"server": "http://127.0.0.1:8001"}, user={})
    assert found.headers == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        *("server", "certificate-authority", "certificate-authority-data", "tls-server-name"),
        *("insecure-skip-tls-verify", "proxy-url", "token", "tokenFile", "username", "password"),
        *("exec", "auth-provider", "client-certificate", "client-key-data", "as", "as-groups"),
        *("as-uid", "as-user-extra", "cluster", "user", "namespace"),
    ]
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(st.dictionaries(FIELDS, JSON, max_size=6), JSON)
def test_any_fields_are_read_or_refused(tmp_path: Path, fields: dict[str, Any], top: Any) -> None:
    """For all values: a cluster, or one line that says why not."""
    drawn = config(cluster=fields, user=fields, context={} if top is None else None)
    for content in (drawn, config(users=top), config(clusters=top), config(contexts=top)):
        path = written(tmp_path / "config", content)
        try:
            said = cluster_of([path]).server
        except KubeconfigError as error:
            said = str(error)
        assert said.splitlines() == [said]
