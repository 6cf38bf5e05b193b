"""Each credential provider of the SDK against a service of ours: what it gives, and how it fails.

The addresses are pointed at loopback by the environment; only that of the metadata service is a
constant of the SDK and has to be replaced.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web
from huaweicloudsdkcore.auth.internal import MetadataAccessor

from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import Ambient, Credentials
from dcs_migration_operator.dcs.ambient import obtain
from dcs_migration_operator.dcs.threads import in_thread
from dcs_migration_operator.engine.ambient import AmbientCredentials
from simulation.virtual import clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dcs_migration_operator.core.model import ExpiringCredentials

ID_TOKEN: Final = "PLANTED-ID-TOKEN"
CREDENTIALS: Final = Credentials("AK-LENT", "PLANTED-SECRET-KEY", "PLANTED-SECURITY-TOKEN")
NETWORKED: Final = (Ambient.POD_IDENTITY, Ambient.OIDC, Ambient.ECS_AGENCY)
FILES: Final = (Ambient.POD_IDENTITY, Ambient.OIDC)

DOCUMENTED: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
WITHOUT_FRACTIONS: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(slots=True)
class Service:
    """Plays the Pod Identity agent, STS and the metadata service.

    Attributes:
        status: HTTP status of every answer but that of the metadata token.
        body: Instead of credentials, if it is set.
        ends_in_s: How long the credentials hold.
        form: How their end is written.
        heard: Tokens that callers showed.
    """

    status: int = 200
    body: Any = None
    ends_in_s: float = 3600.0
    form: str = DOCUMENTED
    heard: list[str] = field(default_factory=list)
    endpoint: str = ""

    def app(self) -> web.Application:
        """Return the application with all three."""
        app = web.Application()
        app.router.add_post("/v1/credentials", self._pod_identity)
        app.router.add_post("/v5/agencies/assume-with-oidc", self._sts)
        app.router.add_put("/meta-data/latest/api/token", self._metadata_token)
        app.router.add_get("/openstack/latest/securitykey", self._metadata)
        return app

    async def _pod_identity(self, request: web.Request) -> web.Response:
        self.heard.append(request.headers["Authorization"])
        return self._answer("expiration", "accessKeyId", "secretAccessKey", "securityToken")

    async def _sts(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert (body["provider_urn"], body["agency_urn"]) == ("urn:provider", "urn:agency")
        self.heard.append(body["id_token"])
        names = ("expiration", "access_key_id", "secret_access_key", "security_token")
        return self._answer(*names, within="credentials")

    async def _metadata_token(self, _: web.Request) -> web.Response:
        return web.Response(text="METADATA-TOKEN")

    async def _metadata(self, request: web.Request) -> web.Response:
        self.heard.append(request.headers["X-Metadata-Token"])
        return self._answer("expires_at", "access", "secret", "securitytoken", within="credential")

    def _answer(
        self, end: str, key: str, secret: str, token: str, within: str = ""
    ) -> web.Response:
        if self.status >= 400:
            # What the other side says may repeat what it was told.
            body = {"error_code": "PAP5.0042", "error_msg": f"bad {ID_TOKEN}"}
            return web.json_response(body, status=self.status)
        if self.body is not None:
            return web.json_response(self.body)
        ends_at = datetime.now(UTC) + timedelta(seconds=self.ends_in_s)
        given: dict[str, Any] = {
            end: ends_at.strftime(self.form),
            key: CREDENTIALS.access_key,
            secret: CREDENTIALS.secret_key,
            token: CREDENTIALS.security_token,
        }
        return web.json_response({within: given} if within else given)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what this machine may know of proxies and of Huawei Cloud."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("HUAWEICLOUD_", "HC_")):
            monkeypatch.delenv(name)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Write a token as the kubelet would."""
    file = tmp_path / "token"
    file.write_text(f"{ID_TOKEN}\n")
    return file


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch, token_file: Path) -> AsyncIterator[Service]:
    """Run the service and point every provider at it."""
    made = Service()
    runner = web.AppRunner(made.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    point(monkeypatch, made.endpoint, token_file)
    yield made
    await runner.cleanup()


def point(monkeypatch: pytest.MonkeyPatch, endpoint: str, token_file: Path) -> None:
    """Set up the environment of every provider."""
    for name, value in {
        "HC_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint}/v1/credentials",
        "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
        "HUAWEICLOUD_OIDC_PROVIDER_URN": "urn:provider",
        "HUAWEICLOUD_OIDC_AGENCY_URN": "urn:agency",
        "HUAWEICLOUD_OIDC_TOKEN_FILE": str(token_file),
        "HUAWEICLOUD_SDK_STS_ENDPOINT": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(MetadataAccessor, "_METADATA_ENDPOINT", endpoint)


def put(file: Path, content: str | None) -> None:
    """Give a file this content; without any, remove it."""
    file.unlink()
    if content is not None:
        file.write_text(content)


async def lend(ambient: Ambient) -> ExpiringCredentials:
    """Call the provider in a thread, as the product does."""
    return await in_thread(obtain, ambient)


async def problem_of(ambient: Ambient) -> ReadError:
    """Call a provider that has to fail; its problem, which must hold nothing secret."""
    with pytest.raises(ReadError) as raised:
        await lend(ambient)
    whole = "".join(traceback.format_exception(raised.value))
    assert "PLANTED" not in whole
    assert f"ambient credentials {ambient.value} " in str(raised.value)
    return raised.value


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("ambient", NETWORKED)
async def test_it_gives_credentials_and_how_long_they_hold(ambient: Ambient) -> None:
    """In whatever shape the service of this provider writes them."""
    lent = await lend(ambient)
    assert lent.credentials == CREDENTIALS
    assert lent.lasts_s == pytest.approx(3600.0, abs=30.0)


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
async def test_the_end_is_understood_in_every_time_zone(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """The SDK reads UTC as if it were local time; that must not move the end."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        lent = await lend(Ambient.POD_IDENTITY)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert lent.lasts_s == pytest.approx(3600.0, abs=30.0)


@pytest.mark.parametrize("ambient", FILES)
async def test_a_token_that_rotates_is_sent_as_it_is_now(
    service: Service, token_file: Path, ambient: Ambient
) -> None:
    """Each call reads the file anew; a refresh of the SDK would send the old one again."""
    await lend(ambient)
    put(token_file, "ROTATED")
    await lend(ambient)
    assert service.heard == [ID_TOKEN, "ROTATED"]


@pytest.mark.parametrize("ambient", NETWORKED)
async def test_six_projects_at_once_make_one_call(service: Service, ambient: Ambient) -> None:
    """The SDK itself would make six."""
    keys = AmbientCredentials(lend, clock)
    found = await asyncio.gather(*(keys.read(ambient) for _ in range(6)))
    assert (set(found), len(service.heard)) == ({CREDENTIALS}, 1)


@pytest.mark.parametrize("ambient", NETWORKED)
@pytest.mark.parametrize("status, passing", [(400, False), (403, False), (429, True), (503, True)])
async def test_a_refusal_is_told_by_its_number(
    service: Service, ambient: Ambient, status: int, *, passing: bool
) -> None:
    """Without the text of the answer, which may repeat the token; 429 and 5xx pass."""
    service.status = status
    problem = await problem_of(ambient)
    assert f"HTTP {status}" in str(problem)
    assert problem.passing is passing


async def test_the_code_of_a_refusal_is_told(service: Service) -> None:
    """It is what support asks for."""
    service.status = 403
    assert "PAP5.0042" in str(await problem_of(Ambient.OIDC))


@pytest.mark.parametrize("ambient", NETWORKED)
async def test_nobody_there_passes(
    monkeypatch: pytest.MonkeyPatch, token_file: Path, unused_tcp_port: int, ambient: Ambient
) -> None:
    """A refused connection is no reason to give up."""
    point(monkeypatch, f"http://127.0.0.1:{unused_tcp_port}", token_file)
    problem = await problem_of(ambient)
    assert "cannot be reached" in str(problem)
    assert problem.passing


@pytest.mark.parametrize("ambient", NETWORKED)
async def test_an_end_that_the_sdk_cannot_read_is_said_in_words(
    service: Service, ambient: Ambient
) -> None:
    """Without fractions of a second the SDK raises a bare ValueError."""
    service.form = WITHOUT_FRACTIONS
    assert "without fractions of a second" in str(await problem_of(ambient))


@pytest.mark.parametrize("ambient", NETWORKED)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param([1], id="a list"),
        pytest.param({"credential": None}, id="null"),
        pytest.param({"access": "PLANTED", "expires_at": "soon"}, id="no time"),
    ],
)
async def test_an_answer_without_credentials_is_never_taken(
    service: Service, ambient: Ambient, body: object
) -> None:
    """Whatever the SDK makes of it."""
    service.body = body
    assert not (await problem_of(ambient)).passing


async def test_credentials_that_have_ended_are_not_taken(service: Service) -> None:
    """A clock is wrong, or the provider is; both are for a person."""
    service.ends_in_s = -5.0
    assert "already ended" in str(await problem_of(Ambient.POD_IDENTITY))


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("ambient", FILES)
@pytest.mark.parametrize("content", [None, ""])
async def test_a_token_file_that_is_not_there_or_empty_is_said_so(
    token_file: Path, ambient: Ambient, content: str | None
) -> None:
    """It can be so for a moment between two mounts."""
    put(token_file, content)
    assert "token file does not exist or is empty" in str(await problem_of(ambient))


@pytest.mark.parametrize("ambient", FILES)
async def test_a_token_file_that_cannot_be_read_is_said_so(
    monkeypatch: pytest.MonkeyPatch, service: Service, tmp_path: Path, ambient: Ambient
) -> None:
    """A folder in its place stands for every other error of the file system."""
    point(monkeypatch, service.endpoint, tmp_path)
    assert "token file cannot be read (IsADirectoryError)" in str(await problem_of(ambient))


@pytest.mark.usefixtures("service")
async def test_an_address_that_is_none_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the pod's manifest does not pass."""
    monkeypatch.setenv("HC_CONTAINER_CREDENTIALS_FULL_URI", "credentials")
    problem = await problem_of(Ambient.POD_IDENTITY)
    assert "address or the token for the Pod Identity agent is malformed" in str(problem)
    assert not problem.passing


@pytest.mark.parametrize(
    "ambient, name",
    [
        (Ambient.POD_IDENTITY, "HC_CONTAINER_CREDENTIALS_FULL_URI"),
        (Ambient.POD_IDENTITY, "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        (Ambient.OIDC, "HUAWEICLOUD_OIDC_PROVIDER_URN"),
        (Ambient.OIDC, "HUAWEICLOUD_OIDC_AGENCY_URN"),
        (Ambient.OIDC, "HUAWEICLOUD_OIDC_TOKEN_FILE"),
    ],
)
async def test_a_variable_that_is_missing_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch, ambient: Ambient, name: str
) -> None:
    """Before anything is sent."""
    monkeypatch.delenv(name)
    assert name in str(await problem_of(ambient))
    assert service.heard == []


@pytest.mark.usefixtures("service")
async def test_a_duration_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would raise a bare ValueError."""
    monkeypatch.setenv("HUAWEICLOUD_OIDC_DURATION_SECONDS", "1h")
    assert "HUAWEICLOUD_OIDC_DURATION_SECONDS" in str(await problem_of(Ambient.OIDC))


class TestEnvironment:
    """An access key in the operator's own environment."""

    @pytest.mark.parametrize("token", ["", "PLANTED-TOKEN"])
    async def test_it_gives_what_stands_there(
        self, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        """With or without a token, and without an end."""
        monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "AK")
        monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "PLANTED-SK")
        monkeypatch.setenv("HUAWEICLOUD_SDK_SECURITY_TOKEN", token)
        lent = await lend(Ambient.ENVIRONMENT)
        assert lent.credentials == Credentials("AK", "PLANTED-SK", token or None)
        assert lent.lasts_s is None

    @pytest.mark.parametrize("name", ["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"])
    async def test_half_a_key_is_none(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """The missing half is named."""
        monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "AK")
        monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "PLANTED-SK")
        monkeypatch.delenv(name)
        assert name in str(await problem_of(Ambient.ENVIRONMENT))

    async def test_a_key_with_a_line_end_is_not_taken(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would break the header of every request."""
        monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "AK")
        monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "PLANTED-SK\n")
        assert "no access key in plain text" in str(await problem_of(Ambient.ENVIRONMENT))

    async def test_a_federated_login_is_not_mistaken_for_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The SDK prefers it silently; here the two variables are named."""
        for name in ("AK", "SK", "IDP_ID", "ID_TOKEN_FILE"):
            monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", "PLANTED")
        assert "HUAWEICLOUD_SDK_IDP_ID" in str(await problem_of(Ambient.ENVIRONMENT))
