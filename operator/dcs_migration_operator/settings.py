"""Every knob of the operator, with its unit in the name and its reason beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_ENDPOINTS = ("https://dcs.*.myhuaweicloud.com", "https://dcs.*.myhuaweicloud.eu")


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How one account at DCS is called."""

    batch_size: int = 50
    """Ids per order; DCS's documented limit is 50."""

    batch_idle_s: float = 0.2
    """A batch leaves when nothing new came for this long: longer than the gap between two objects
    of one `kubectl apply`, shorter than a person notices."""

    batch_max_wait_s: float = 2.0
    """No order waits longer than this for company."""

    poll_min_s: float = 1.0
    """First poll after an acceptance; DCS's example answer is already `TERMINATING`."""

    poll_max_s: float = 10.0
    """Slowest poll while something is being stopped; Terraform's own pace."""

    poll_observe_s: float = 60.0
    """Poll of tasks that are only observed."""

    poll_rarely_s: float = 600.0
    """Poll for ids that DCS does not know."""

    poll_settled_s: float = 600.0
    """Poll of tasks whose wish is fulfilled, in case somebody starts them again; 0 means never."""

    poll_gather_s: float = 0.1
    """How long a first poll waits for company, so that one list serves all of an apply."""

    orders_parallel_max: int = 6
    """Stop requests under way at once, of which two are kept for tasks of requests that failed: 200
    batches at 50 ms each in 2.5 s."""

    shows_parallel_max: int = 16
    """Shows under way at once, most of which hang if there are more than two."""

    connect_timeout_s: float = 10.0
    """For the connection of one call."""

    request_timeout_s: float = 30.0
    """For one call as a whole."""

    ca_file: str = ""
    """Path of certificates in PEM that are trusted besides the public ones; empty means none."""

    proxy_url: str = field(default="", repr=False)
    """The HTTP proxy for calls to DCS, perhaps with a password; empty means none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the command line can say."""

    channel: ChannelSettings = field(default_factory=ChannelSettings)

    namespaces: tuple[str, ...] = ()
    """What to watch; empty means all namespaces."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty means `KUBECONFIG`, else in-cluster, else `~/.kube/config`."""

    service_account_dir: str = "/var/run/secrets/kubernetes.io/serviceaccount"
    """Where a pod finds its token, CA and namespace; elsewhere if a token is projected by hand."""

    listen_host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come from outside the pod
    """Empty means every address, of IPv6 too."""

    listen_port: int = 8080

    leader_elect: bool = True
    lease_namespace: str = ""
    """Empty means the namespace of the pod or of the kubeconfig's context."""

    lease_name: str = "dcs-migration-operator"

    allow_endpoints: tuple[str, ...] = DEFAULT_ENDPOINTS
    """Endpoints that a project may name; see `core.endpoints`."""

    cluster_projects: bool = True
    """Whether to watch cluster-scoped projects, which needs rights in the whole cluster."""

    operator_namespace: str = ""
    """Where the Secrets of cluster-scoped projects are; empty means as for the Lease."""

    status_writers: int = 16
    """Concurrent writes to the API server; 16 keep one core of it busy and starve nobody."""

    secret_read_s: float = 20.0
    """How often the Secret of a project in use is read again; it may only be read by name."""

    secret_retry_s: float = 3.0
    """First pause before a project that cannot work is looked at again; doubled up to the above."""

    log_format: str = "text"
    log_level: str = "info"
