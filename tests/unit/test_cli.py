"""The options of the command line: each with its default, its variable and its errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import certifi
import pytest

from dcs_migration_operator.cli import main
from dcs_migration_operator.settings import DEFAULT_ENDPOINTS, ChannelSettings, Settings
from support.starting import Started, alone, usage_error

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNEL: Final[dict[str, tuple[str, str, object]]] = {
    "--batch-size": ("batch_size", "7", 7),
    "--batch-idle-s": ("batch_idle_s", "0.5", 0.5),
    "--batch-max-wait-s": ("batch_max_wait_s", "3", 3.0),
    "--poll-min-s": ("poll_min_s", "1.5", 1.5),
    "--poll-max-s": ("poll_max_s", "20", 20.0),
    "--poll-observe-s": ("poll_observe_s", "300", 300.0),
    "--poll-settled-s": ("poll_settled_s", "0", 0.0),
    "--request-timeout-s": ("request_timeout_s", "12.5", 12.5),
    "--ca-file": ("ca_file", certifi.where(), certifi.where()),
    "--proxy-url": ("proxy_url", "http://u:p@proxy:3128", "http://u:p@proxy:3128"),
}
"""Option → field of `ChannelSettings`, a text, and what it means."""

OTHERS: Final[dict[str, tuple[str, str, object]]] = {
    "--namespace": ("namespaces", "team-a", ("team-a",)),
    "--kubeconfig": ("kubeconfig", "some/config", "some/config"),
    "--lease-namespace": ("lease_namespace", "system", "system"),
    "--lease-name": ("lease_name", "another", "another"),
    "--allow-endpoint": ("allow_endpoints", "http://127.0.0.1:*", ("http://127.0.0.1:*",)),
    "--status-writers": ("status_writers", "3", 3),
    "--log-format": ("log_format", "JSON", "json"),
    "--log-level": ("log_level", "Debug", "debug"),
}
"""The same of `Settings`."""

WRONG: Final[dict[str, list[str]]] = {
    "--namespace": [""],
    "--lease-name": [""],
    "--allow-endpoint": [
        *("", "dcs.example.com", "ftp://x", "https://", "https://x/path", "https://u:p@x"),
        *("https://x:99999", "https://[::1", "https://x?q"),
    ],
    "--batch-size": ["0", "51", "-1", "1.5", "", "fifty", "5²"],
    "--batch-idle-s": ["-1", "61", "nan", "inf", "", "soon"],
    "--batch-max-wait-s": ["-0.1", "61", "nan"],
    "--poll-min-s": ["0", "3601", "nan"],
    "--poll-max-s": ["0", "3601", "nan", "0.9"],
    "--poll-observe-s": ["0.9", "86401", "nan"],
    "--poll-settled-s": ["-1", "86401", "nan"],
    "--request-timeout-s": ["0.9", "601", "nan"],
    "--ca-file": ["/nowhere/ca.crt", "/", __file__],
    "--proxy-url": ["proxy:3128", "https://proxy", "http://", "http://p/x", "http://[::1"],
    "--listen": ["", "8080", "host:", ":http", ":65536", ":-1", "host:8²"],
    "--status-writers": ["0", "257", "many"],
    "--log-format": ["", "yaml"],
    "--log-level": ["", "trace", "20"],
}
"""What each option does not take."""

SWITCHED_ON: Final = ["1", "true", "True", "yes", "on"]
SWITCHED_OFF: Final = ["0", "false", "FALSE", "no", "off"]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Return what the operator was started with."""
    yield from alone(monkeypatch)


def variable(option: str) -> str:
    """Return the environment variable of an option."""
    return "DCS_OPERATOR_" + option.removeprefix("--").upper().replace("-", "_")


def field_of(settings: Settings, option: str) -> tuple[object, object]:
    """Return what an option led to, and what its example text means."""
    if option in CHANNEL:
        name, _, meaning = CHANNEL[option]
        return getattr(settings.channel, name), meaning
    name, _, meaning = OTHERS[option]
    return getattr(settings, name), meaning


def test_the_defaults_are_those_of_the_contract(started: Started) -> None:
    """They hold without any option and any variable."""
    assert main(["run"]) == 0
    (settings,) = started
    assert settings == Settings(log_format=settings.log_format)
    assert settings.channel == ChannelSettings()
    assert (settings.namespaces, settings.kubeconfig, settings.leader_elect) == ((), "", True)
    assert (settings.listen_host, settings.listen_port) == ("0.0.0.0", 8080)  # noqa: S104
    assert settings.allow_endpoints == DEFAULT_ENDPOINTS
    channel = settings.channel
    assert (channel.batch_size, channel.batch_idle_s, channel.batch_max_wait_s) == (50, 0.2, 2.0)
    assert (channel.poll_min_s, channel.poll_max_s, channel.poll_observe_s) == (1.0, 10.0, 60.0)
    assert channel.poll_settled_s == 600.0
    assert (channel.request_timeout_s, channel.connect_timeout_s) == (30.0, 10.0)
    assert (settings.status_writers, settings.log_level) == (16, "info")


@pytest.mark.parametrize("terminal, log_format", [(True, "text"), (False, "json")])
def test_logs_are_text_on_a_terminal_and_json_elsewhere(
    started: Started, monkeypatch: pytest.MonkeyPatch, log_format: str, *, terminal: bool
) -> None:
    """People read the one, machines the other."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    main(["run"])
    assert started[0].log_format == log_format


@pytest.mark.parametrize("option", [*CHANNEL, *OTHERS])
def test_an_option_is_taken(started: Started, option: str) -> None:
    """In both ways to write it."""
    text = (CHANNEL | OTHERS)[option][1]
    main(["run", option, text])
    main(["run", f"{option}={text}"])
    for settings in started:
        found, meaning = field_of(settings, option)
        assert found == meaning


@pytest.mark.parametrize("option", [*CHANNEL, *OTHERS])
def test_a_variable_is_taken(
    started: Started, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """Its name is the option's in upper case, with underscores."""
    monkeypatch.setenv(variable(option), (CHANNEL | OTHERS)[option][1])
    main(["run"])
    found, meaning = field_of(started[0], option)
    assert found == meaning


@pytest.mark.parametrize("option", [*CHANNEL, *OTHERS])
def test_an_option_outweighs_its_variable(
    started: Started, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """Even one that makes no sense."""
    monkeypatch.setenv(variable(option), "no sense at all:")
    main(["run", option, (CHANNEL | OTHERS)[option][1]])
    found, meaning = field_of(started[0], option)
    assert found == meaning


@pytest.mark.parametrize(
    "option, text", [(o, text) for o, texts in WRONG.items() for text in texts]
)
def test_a_wrong_option_is_wrong_usage(
    started: Started, capsys: pytest.CaptureFixture[str], option: str, text: str
) -> None:
    """Nothing is started, and the option is named."""
    assert option in usage_error(capsys, "run", f"{option}={text}")
    assert started == []


@pytest.mark.parametrize(
    "option, text",
    [(o, text) for o, texts in WRONG.items() for text in texts if text or o in CHANNEL],
)
def test_a_wrong_variable_is_wrong_usage(
    started: Started,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    text: str,
) -> None:
    """As the option would be."""
    monkeypatch.setenv(variable(option), text)
    err = usage_error(capsys, "run")
    assert option in err or variable(option) in err
    assert started == []


@pytest.mark.parametrize(
    "text, host, port",
    [
        ("127.0.0.1:9090", "127.0.0.1", 9090),
        (":9090", "", 9090),
        ("[::]:9090", "::", 9090),
        ("0.0.0.0:9090", "0.0.0.0", 9090),  # noqa: S104 - said on purpose
        ("[::1]:9090", "::1", 9090),
        ("localhost:0", "localhost", 0),
    ],
)
def test_where_to_listen(
    started: Started, monkeypatch: pytest.MonkeyPatch, text: str, host: str, port: int
) -> None:
    """By option and by variable; without a host it is every address, of IPv6 too."""
    main(["run", "--listen", text])
    monkeypatch.setenv("DCS_OPERATOR_LISTEN", text)
    main(["run"])
    assert [(s.listen_host, s.listen_port) for s in started] == [(host, port)] * 2


@pytest.mark.parametrize("option", ["--ca-file", "--proxy-url"])
def test_an_empty_path_or_url_means_none(
    started: Started, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """A variable that a manifest always sets."""
    monkeypatch.setenv(variable(option), " ")
    main(["run"])
    assert (started[0].channel.ca_file, started[0].channel.proxy_url) == ("", "")


def test_a_file_without_certificates_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With its name and what is wrong with it."""
    err = usage_error(capsys, "run", "--ca-file", __file__)
    assert err.splitlines()[-1].endswith(
        f"error: argument --ca-file: {__file__} holds no certificate in PEM"
    )


@pytest.mark.parametrize("url", ["https://user:PASS-1@proxy:1", "http://user:PASS-1@proxy:x"])
def test_the_password_of_a_proxy_is_not_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Wherever the URL comes from, and whatever else is wrong with it."""
    assert "PASS-1" not in usage_error(capsys, "run", "--proxy-url", url)
    monkeypatch.setenv("DCS_OPERATOR_PROXY_URL", url)
    assert "PASS-1" not in usage_error(capsys, "run")
    assert "PASS-1" not in repr(ChannelSettings(proxy_url=url))


class TestNamespaces:
    """What is watched."""

    def test_they_may_be_many(self, started: Started) -> None:
        """Each once, in their order."""
        main(["run", "--namespace", "b", "--namespace", "a", "--namespace", "b"])
        assert started[0].namespaces == ("b", "a")

    @pytest.mark.parametrize("text", ["b,a", "b, a", "b,a,", ",b,,a,b"])
    def test_a_variable_lists_them(
        self, started: Started, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        """Separated by commas, however they are spaced."""
        monkeypatch.setenv("DCS_OPERATOR_NAMESPACE", text)
        main(["run"])
        assert started[0].namespaces == ("b", "a")

    def test_all_namespaces_outweighs_the_variable(
        self, started: Started, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is an option like the other one."""
        monkeypatch.setenv("DCS_OPERATOR_NAMESPACE", "a")
        main(["run", "--all-namespaces"])
        assert started[0].namespaces == ()

    def test_all_namespaces_has_a_variable_too(
        self, started: Started, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An option outweighs it."""
        monkeypatch.setenv("DCS_OPERATOR_ALL_NAMESPACES", "true")
        main(["run"])
        main(["run", "--namespace", "a"])
        assert [settings.namespaces for settings in started] == [(), ("a",)]

    def test_variables_must_not_contradict_each_other(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody guesses which one was meant."""
        monkeypatch.setenv("DCS_OPERATOR_ALL_NAMESPACES", "true")
        monkeypatch.setenv("DCS_OPERATOR_NAMESPACE", "a")
        assert "contradict each other" in usage_error(capsys, "run")

    def test_all_and_some_exclude_each_other(self, capsys: pytest.CaptureFixture[str]) -> None:
        """One of them is a mistake."""
        err = usage_error(capsys, "run", "--all-namespaces", "--namespace", "a")
        assert "not allowed with" in err


class TestLeaderElection:
    """On by default, and never off by a mistake in spelling."""

    @pytest.mark.parametrize(
        "text, on", [(t, True) for t in SWITCHED_ON] + [(t, False) for t in SWITCHED_OFF]
    )
    def test_a_variable_switches_it(
        self, started: Started, monkeypatch: pytest.MonkeyPatch, text: str, *, on: bool
    ) -> None:
        """It takes the usual words for yes and no."""
        monkeypatch.setenv("DCS_OPERATOR_LEADER_ELECT", text)
        main(["run"])
        assert started[0].leader_elect is on

    @pytest.mark.parametrize("text", ["", "treu", "2", "none"])
    def test_another_word_is_wrong_usage(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
    ) -> None:
        """Two replicas without a Lease would both act."""
        monkeypatch.setenv("DCS_OPERATOR_LEADER_ELECT", text)
        assert "LEADER_ELECT" in usage_error(capsys, "run").upper().replace("-", "_")

    @pytest.mark.parametrize(
        "option, text, on",
        [("--leader-elect", "false", True), ("--no-leader-elect", "true", False)],
    )
    def test_the_option_outweighs_the_variable(
        self, started: Started, monkeypatch: pytest.MonkeyPatch, option: str, text: str, *, on: bool
    ) -> None:
        """This holds in both directions."""
        monkeypatch.setenv("DCS_OPERATOR_LEADER_ELECT", text)
        main(["run", option])
        assert started[0].leader_elect is on


class TestEndpoints:
    """Which endpoints projects may name."""

    def test_they_may_be_many(self, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
        """By options, and by a variable that lists them; they replace the default."""
        patterns = ("https://dcs.*.example.com", "http://127.0.0.1:8080")
        main(["run", "--allow-endpoint", patterns[0], "--allow-endpoint", patterns[1]])
        monkeypatch.setenv("DCS_OPERATOR_ALLOW_ENDPOINT", f" {patterns[0]} ,{patterns[1]},")
        main(["run"])
        assert [settings.allow_endpoints for settings in started] == [patterns] * 2

    def test_an_empty_variable_keeps_the_default(
        self, started: Started, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a chart without a value sets it."""
        monkeypatch.setenv("DCS_OPERATOR_ALLOW_ENDPOINT", "")
        main(["run"])
        assert started[0].allow_endpoints == DEFAULT_ENDPOINTS
