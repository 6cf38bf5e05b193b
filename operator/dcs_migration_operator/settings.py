"""All settings of the operator, each with its unit in the name and the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_ENDPOINTS = ("https://dcs.*.myhuaweicloud.com", "https://dcs.*.myhuaweicloud.eu")


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Settings for the calls to DCS with one account."""

    batch_size: int = 50
    """Ids per stop request; DCS's documented limit is 50."""

    batch_idle_s: float = 0.2
    """A batch is sent when no stop was added for this long: longer than the gap between two objects
    of one `kubectl apply`, shorter than a person notices."""

    batch_max_wait_s: float = 2.0
    """Longest time that a stop waits for others to share its batch."""

    poll_min_s: float = 1.0
    """First poll after an accepted stop; DCS's example answer is already `TERMINATING`."""

    poll_max_s: float = 10.0
    """Longest poll interval while a task is being stopped; Terraform's interval."""

    poll_observe_s: float = 60.0
    """Poll interval of tasks that are only observed."""

    poll_rarely_s: float = 600.0
    """Poll interval of ids that DCS does not know."""

    poll_settled_s: float = 600.0
    """Poll interval of stopped tasks, in case one is started again; 0 means never."""

    poll_gather_s: float = 0.1
    """How long a first poll waits for others, so that one list serves a whole `kubectl apply`."""

    orders_parallel_max: int = 6
    """Most concurrent stop requests; two of them are reserved for tasks whose requests failed. At
    50 ms each, 200 batches take 2.5 s."""

    shows_parallel_max: int = 16
    """Most concurrent show calls; if more than two are needed at once, most of them hang."""

    connect_timeout_s: float = 10.0
    """Time limit for connecting."""

    request_timeout_s: float = 30.0
    """Time limit for one whole call."""

    ca_file: str = ""
    """Path of PEM certificates to trust in addition to the public ones; empty means none."""

    proxy_url: str = field(default="", repr=False)
    """The HTTP proxy for calls to DCS; may hold a password; empty means none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings that the command line can change."""

    channel: ChannelSettings = field(default_factory=ChannelSettings)

    namespaces: tuple[str, ...] = ()
    """The namespaces to watch; empty means all."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty means `KUBECONFIG`, then in-cluster, then `~/.kube/config`."""

    service_account_dir: str = "/var/run/secrets/kubernetes.io/serviceaccount"
    """Folder with the pod's token, CA and namespace; differs if a token is projected explicitly."""

    listen_host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come from outside the pod
    """Host to listen on; empty means every IPv4 and IPv6 address."""

    listen_port: int = 8080

    leader_elect: bool = True
    lease_namespace: str = ""
    """Namespace of the Lease; empty means that of the pod or of the kubeconfig's context."""

    lease_name: str = "dcs-migration-operator"

    allow_endpoints: tuple[str, ...] = DEFAULT_ENDPOINTS
    """Endpoints that a project may use; see `core.endpoints`."""

    cluster_projects: bool = True
    """Whether to watch cluster-scoped projects, which needs cluster-wide permissions."""

    operator_namespace: str = ""
    """Namespace of the Secrets of cluster-scoped projects; empty means that of the Lease."""

    status_writers: int = 16
    """Concurrent status writes; 16 keep one core of the API server busy without overloading it."""

    secret_read_s: float = 20.0
    """Interval at which the Secret of a project in use is read again, since it is not watched."""

    secret_retry_s: float = 3.0
    """First pause before a project that does not work is retried; doubles up to `secret_read_s`."""

    log_format: str = "text"
    log_level: str = "info"
