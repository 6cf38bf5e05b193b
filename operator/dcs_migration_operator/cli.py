"""The command line: turns options and environment into `Settings`, and errors into one line.

The exit status is 0 after SIGTERM or SIGINT, 1 when the operator cannot work, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

from dcs_migration_operator import __version__, memory
from dcs_migration_operator.core.endpoints import is_origin
from dcs_migration_operator.option_types import bundle_path, proxy_url
from dcs_migration_operator.settings import ChannelSettings, Settings
from dcs_migration_operator.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAM: Final = "dcs-migration-operator"
PREFIX: Final = "DCS_OPERATOR_"
BATCH_SIZE_MAX: Final = 50
PORT_MAX: Final = 65_535


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(argv)
    settings = _settings(options)
    logs.set_up(settings.log_format, settings.log_level)
    from dcs_migration_operator.app import CannotWork, run  # noqa: PLC0415 - --version is quick

    memory.settle()
    try:
        asyncio.run(run(settings))
    except CannotWork as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Stops Huawei Cloud DCS migration tasks, many per API call.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run the operator",
        description="Run the operator. Each option is also an environment variable: "
        f"{PREFIX} and its name in upper case with underscores. Lists are separated by commas.",
    )
    _add_scope(run)
    _add_channel(run)
    option = _Options(run)
    option(
        "--listen",
        _address,
        "0.0.0.0:8080",
        "HOST:PORT of /healthz, /readyz and /metrics; :PORT means every IPv4 and IPv6 address",
    )
    option("--status-writers", _count(1, 256), "16", "concurrent writes to Kubernetes")
    default_format = "text" if sys.stderr.isatty() else "json"
    option("--log-format", _one_of("text", "json"), default_format, "text or json")
    option("--log-level", _one_of(*logs.LEVELS), "info", ", ".join(logs.LEVELS))
    return parser


def _add_scope(run: argparse.ArgumentParser) -> None:
    option = _Options(run)
    env_namespaces = [n.strip() for n in _env("namespace", "").split(",") if n.strip()]
    scope = run.add_mutually_exclusive_group()
    scope.add_argument(
        "--all-namespaces", action="store_true", help="watch all namespaces (default)"
    )
    scope.add_argument(
        "--namespace",
        action="append",
        metavar="NS",
        type=_name,
        help="watch this namespace; repeatable",
    )
    run.set_defaults(env_namespaces=env_namespaces)
    run.add_argument(
        "--cluster-projects",
        action=argparse.BooleanOptionalAction,
        default=_flag("cluster-projects", default=True) if _is_set("cluster-projects") else None,
        help="watch ClusterDCSProjects too, which needs cluster-wide permissions "
        "(default: on with all namespaces, off with --namespace)",
    )
    option(
        "--operator-namespace",
        str,
        "",
        "namespace of the Secrets of ClusterDCSProjects (default: that of the pod)",
    )
    option(
        "--kubeconfig",
        str,
        "",
        "kubeconfig of the cluster (default: KUBECONFIG, then in-cluster, then ~/.kube/config)",
    )
    option(
        "--service-account-dir",
        str,
        Settings().service_account_dir,
        "folder with the pod's token, ca.crt and namespace",
    )
    run.add_argument(
        "--leader-elect",
        action=argparse.BooleanOptionalAction,
        default=_flag("leader-elect", default=True),
        help="elect one replica to act, by means of a Lease (default: on)",
    )
    option("--lease-namespace", str, "", "namespace of the Lease (default: that of the pod)")
    option("--lease-name", _name, PROGRAM, "name of the Lease")
    run.add_argument(
        "--allow-endpoint",
        action="append",
        metavar="PATTERN",
        type=_pattern,
        help="an endpoint that projects may use; * stands for one label; repeatable "
        "(default: those of Huawei Cloud)",
    )


def _add_channel(run: argparse.ArgumentParser) -> None:
    option = _Options(run)
    size = _count(1, BATCH_SIZE_MAX)
    option("--batch-size", size, "50", "ids per stop request; DCS accepts at most 50")
    option(
        "--batch-idle-s",
        _seconds(0, 60),
        "0.2",
        "send a batch after this many idle seconds",
    )
    option(
        "--batch-max-wait-s",
        _seconds(0, 60),
        "2",
        "longest wait of a stop for its batch, in seconds",
    )
    option(
        "--poll-min-s", _seconds(0.1, 3600), "1", "first poll after an accepted stop, in seconds"
    )
    option(
        "--poll-max-s",
        _seconds(0.1, 3600),
        "10",
        "longest poll interval while stopping, in seconds",
    )
    option(
        "--poll-observe-s",
        _seconds(1, 86400),
        "60",
        "poll interval of tasks that are only observed, in seconds",
    )
    option(
        "--poll-settled-s",
        _seconds(0, 86400),
        "600",
        "poll interval of stopped tasks, in case one is started again, in seconds; 0 means never",
    )
    option("--request-timeout-s", _seconds(1, 600), "30", "time limit of one DCS call, in seconds")
    certificates = "file of CA certificates to trust for DCS in addition to the public ones"
    option("--ca-file", bundle_path, "", certificates)
    proxy = "HTTP proxy for DCS, as in http://proxy.example.com:3128; HTTPS_PROXY is not honored"
    option("--proxy-url", proxy_url, "", proxy)


class _Options:
    """Adds options that can also be set by environment variables."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser

    def __call__(
        self, name: str, kind: Callable[[str], object], default: str, help_text: str
    ) -> None:
        # argparse converts string defaults, so an invalid variable is reported like an option.
        value = _env(name.removeprefix("--"), default)
        suffix = f" (default: {default})" if default else ""
        self._parser.add_argument(
            name, type=kind, default=value, metavar="VALUE", help=help_text + suffix
        )


def _settings(options: argparse.Namespace) -> Settings:
    parser = _parser()
    if options.poll_max_s < options.poll_min_s:
        parser.error("--poll-max-s is less than --poll-min-s")
    for name in ("all-namespaces", "leader-elect", "cluster-projects"):
        if _flag(name, default=True) is None:
            variable = PREFIX + name.upper().replace("-", "_")
            parser.error(f"{variable} is neither true nor false")
    defaults = Settings()
    namespaces = _namespaces(options, parser)
    host, port = options.listen
    return Settings(
        channel=ChannelSettings(
            batch_size=options.batch_size,
            batch_idle_s=options.batch_idle_s,
            batch_max_wait_s=options.batch_max_wait_s,
            poll_min_s=options.poll_min_s,
            poll_max_s=options.poll_max_s,
            poll_observe_s=options.poll_observe_s,
            poll_settled_s=options.poll_settled_s,
            request_timeout_s=options.request_timeout_s,
            ca_file=options.ca_file,
            proxy_url=options.proxy_url,
        ),
        namespaces=namespaces,
        cluster_projects=not namespaces
        if options.cluster_projects is None
        else options.cluster_projects,
        operator_namespace=options.operator_namespace,
        kubeconfig=options.kubeconfig,
        service_account_dir=options.service_account_dir,
        listen_host=host,
        listen_port=port,
        leader_elect=options.leader_elect,
        lease_namespace=options.lease_namespace,
        lease_name=options.lease_name,
        allow_endpoints=tuple(
            options.allow_endpoint or _env_patterns(parser) or defaults.allow_endpoints
        ),
        status_writers=options.status_writers,
        log_format=options.log_format,
        log_level=options.log_level,
    )


def _namespaces(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[str, ...]:
    """Return the namespaces to watch; options override variables, which must not conflict."""
    if options.all_namespaces or options.namespace:
        return tuple(dict.fromkeys(options.namespace or ()))
    if options.env_namespaces and _flag("all-namespaces", default=False):
        parser.error(f"{PREFIX}ALL_NAMESPACES and {PREFIX}NAMESPACE contradict each other")
    return tuple(dict.fromkeys(options.env_namespaces))


def _env_patterns(parser: argparse.ArgumentParser) -> list[str]:
    try:
        return [_pattern(p) for p in _env("allow-endpoint", "").split(",") if p]
    except argparse.ArgumentTypeError as error:
        parser.error(f"{PREFIX}ALLOW_ENDPOINT: {error}")


def _env(name: str, default: str) -> str:
    return os.environ.get(PREFIX + name.upper().replace("-", "_"), default)


def _is_set(name: str) -> bool:
    return bool(_env(name, "").strip())


def _flag(name: str, *, default: bool) -> bool | None:
    """Return the value of a boolean variable; None if it is neither true nor false."""
    word = _env(name, str(default)).strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    return False if word in {"0", "false", "no", "off"} else None


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("a name is needed")
    return text


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _pattern(text: str) -> str:
    if not is_origin(text.strip().rstrip("/").lower().replace("*", "1")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an endpoint such as https://dcs.*.example.com"
        )
    return text.strip()


def _count(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return convert


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = float("nan")
        if not least <= seconds <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not seconds from {least} to {most}")
        return seconds

    return convert


def _one_of(*words: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text.lower() not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words)}")
        return text.lower()

    return convert
