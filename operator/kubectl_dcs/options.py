"""The options that several commands share, as decorators.

They parse what was typed into a `Where`, which the commands receive as `where`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from kubectl_dcs import kinds, moments
from kubectl_dcs.names import names
from kubectl_dcs.problems import WrongUsage
from kubectl_dcs.where import ProjectName, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Command = TypeVar("Command", bound="Callable[..., int] | click.Command")

COMPLETE: Final = "_KUBECTL_DCS_COMPLETE"
"""The environment variable that completion scripts set to request candidates."""

SPAN_S_MAX: Final = 30 * 24 * 3600.0
"""The longest wait; anything above is a typing error."""


class Duration(click.ParamType[float]):
    """A duration such as 90s or 1h30m; a bare number is seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        try:
            span_s = moments.seconds(str(value))
        except WrongUsage as problem:
            self.fail(str(problem), param, ctx)
        if span_s > SPAN_S_MAX:
            self.fail(f"{value!r} is longer than 30 days", param, ctx)
        return span_s


class ObjectName(click.ParamType[str]):
    """A valid name of an object in Kubernetes; completed from the cluster.

    Args:
        plural: The plural of the kind whose names are offered.
    """

    def __init__(self, plural: str) -> None:
        self.name = "name"
        self._plural = plural

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; it becomes part of an API path, so only valid names may pass."""
        text = str(value)
        if not kinds.is_name(text):
            self.fail(f"{text!r} is not the name of an object", param, ctx)
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names with this prefix."""
        del param
        found = names(self._plural, ctx.params, incomplete)
        return [CompletionItem(name) for name in found]


def cluster(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that select the cluster and the namespace."""

    @click.option("--kubeconfig", metavar="PATH", default="", help="The kubeconfig to use.")
    @click.option("--context", metavar="NAME", default="", help="The context in it to use.")
    @click.option(
        *("-n", "--namespace"),
        metavar="NAME",
        default="",
        help="The namespace; that of the context if not given.",
    )
    @functools.wraps(command)
    def wrapped(**given: Any) -> int:
        where = Where(
            kubeconfig=given.pop("kubeconfig"),
            context=given.pop("context"),
            namespace=given.pop("namespace"),
            everywhere=given.pop("all_namespaces", False),
        )
        if where.everywhere and where.namespace:
            raise WrongUsage("give either --namespace or --all-namespaces, not both")
        if where.namespace and not kinds.is_name(where.namespace):
            raise WrongUsage(f"{where.namespace!r} is not the name of a namespace")
        return command(where=where, **given)

    return wrapped


everywhere = click.option(
    *("-A", "--all-namespaces"), "all_namespaces", is_flag=True, help="All namespaces at once."
)

selector = click.option(
    *("-l", "--selector"),
    "labels",
    metavar="SELECTOR",
    default="",
    help="Select tasks by label, as in kubectl: wave=1,team!=b.",
)

as_json = click.option(
    *("-o", "--output"),
    "form",
    type=click.Choice(["json"]),
    help="Print the result as JSON instead of text.",
)

task_names = click.argument(
    "names", nargs=-1, metavar="[NAME]...", type=ObjectName("migrationtasks")
)

wave_option = click.option(
    "--wave",
    metavar="WAVE",
    type=ObjectName("migrationwaves"),
    help="Select tasks by the wave that they refer to.",
)

wave_name = click.argument("wave", metavar="WAVE", type=ObjectName("migrationwaves"))


def timeout(default: str) -> Callable[[Command], Command]:
    """Return the option that limits a wait."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=Duration(),
        default=default,
        show_default=True,
        help="How long to wait, such as 90s or 1h30m; then the exit status is 3.",
    )


CUTOVER: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "in_wave": ("waveRef", lambda name: {"name": name}),
    "not_before": ("notBefore", str),
    "not_after": ("notAfter", str),
    "max_lag": ("maxLag", int),
    "stable_for": ("stableFor", str),
    "cutover_timeout": ("timeout", str),
    "on_timeout": ("onTimeout", str),
}
"""The options of a cutover: the field of each, and how its value is written."""


def cutover(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of a cutover; the command receives the given ones as `cutover`.

    Values out of bounds are refused by the API server, with the messages of the CRD.
    """

    @click.option(
        "--in-wave",
        metavar="WAVE",
        type=ObjectName("migrationwaves"),
        help="Make them part of this wave.",
    )
    @click.option("--not-before", metavar="TIME", help="Send no order before this time; RFC 3339.")
    @click.option(
        "--not-after", metavar="TIME", help="Send no order at or after this time; RFC 3339."
    )
    @click.option("--max-lag", type=int, help="The greatest lag that counts as caught up.")
    @click.option("--stable-for", metavar="DURATION", help="How long the lag must stay within it.")
    @click.option(
        "--cutover-timeout", metavar="DURATION", help="How long the target may take to catch up."
    )
    @click.option(
        "--on-timeout",
        type=click.Choice(["Hold", "StopAnyway"]),
        help="What to do when that time is up.",
    )
    @functools.wraps(command)
    def wrapped(**given: Any) -> int:
        made = {}
        for option, (name, form) in CUTOVER.items():
            value = given.pop(option)
            if value is not None:
                made[name] = form(value)
        return command(cutover=made, **given)

    return wrapped


def reach(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options for access to DCS, as `secret_namespace` and `allowed`."""
    command = click.option(
        "--allow-endpoint",
        "allowed",
        metavar="PATTERN",
        multiple=True,
        envvar="KUBECTL_DCS_ALLOW_ENDPOINT",
        show_envvar=True,
        help="An endpoint that may be called; those of Huawei Cloud if not given.",
    )(command)
    return click.option(
        "--secret-namespace",
        metavar="NAME",
        default="",
        help="Where the Secret of a ClusterDCSProject is: the operator's namespace.",
    )(command)


def project(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that select the DCS project; the command receives them as `project`."""

    @click.option(
        "--project",
        "own",
        metavar="NAME",
        type=ObjectName("dcsprojects"),
        help="The DCSProject; `default` if not given.",
    )
    @click.option(
        "--cluster-project",
        "shared",
        metavar="NAME",
        type=ObjectName("clusterdcsprojects"),
        help="A ClusterDCSProject instead.",
    )
    @reach
    @functools.wraps(command)
    def wrapped(**given: Any) -> int:
        own, shared = given.pop("own"), given.pop("shared")
        if own and shared:
            raise WrongUsage("give either --project or --cluster-project, not both")
        made = ProjectName(
            shared or own or "default",
            shared is not None,
            given.pop("secret_namespace"),
            given.pop("allowed"),
        )
        return command(project=made, **given)

    return wrapped
