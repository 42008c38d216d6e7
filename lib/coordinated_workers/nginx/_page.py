"""All values that the template of nginx.conf shows."""

import hashlib
import itertools
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ._paths import REVISION_PATH
from ._quoting import quoted

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Upstream:
    """Servers, with the word for looking up their names while nginx runs, if they have names."""

    name: str
    servers: tuple[tuple[str, ...], ...]
    zone_kilobytes: int
    """The memory that nginx's processes share, enough for all addresses that the servers' names may have."""
    keepalive: bool

    @property
    def zone(self) -> tuple[str, str]:
        """The name and the size of the shared memory."""
        return f"{self.name}_zone", f"{self.zone_kilobytes}k"


@dataclass(frozen=True)
class Location:
    """One path of a server."""

    match: tuple[str, ...]
    methods: tuple[str, ...]
    rewrite: tuple[str, ...]
    directives: tuple[tuple[str, ...], ...]
    headers: tuple[tuple[str, str], ...]
    passed_by: str
    """The module of nginx that talks to the backend: proxy or grpc."""
    backend: str
    """The scheme and the name of the upstream, which the charms' tests look for in `$backend`; empty: nginx
    answers itself."""
    backend_path: str
    """The path at the backend, in place of that of the request; empty: the same."""


@dataclass(frozen=True)
class Mark:
    """The header that a server adds to requests that it passes on, and rejects if it comes back."""

    header: str
    value: str

    @property
    def variable(self) -> str:
        """Return nginx's variable for the header of a request."""
        return f"$http_{self.header.lower().replace('-', '_')}"


@dataclass(frozen=True)
class Server:
    """One port."""

    listens: tuple[str, ...]
    http2: bool
    locations: tuple[Location, ...]
    mark: Mark | None


@dataclass(frozen=True)
class Map:
    """A variable (the second one) whose value follows from another one."""

    variables: tuple[str, ...]
    mappings: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Tracing:
    """The receiver of nginx's own spans, and their service name."""

    module: str
    endpoint: str
    service_name: str
    attributes: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TLS:
    """The certificate and protocols of nginx's TLS."""

    certificate: str
    private_key: str
    versions: tuple[str, ...]
    ciphers: str


@dataclass(frozen=True)
class Page:
    """The contents of nginx.conf, before they are text."""

    tracing: Tracing | None
    worker_processes: int
    worker_connections: int
    directory: str
    mime_types: str
    access_log: str
    maps: tuple[Map, ...]
    resolvers: tuple[str, ...]
    ipv4_only: bool
    """True if the names of backends are looked up for their IPv4 addresses alone."""
    connect_timeout: str
    read_timeout: str
    client_max_body_size: str
    http2_directive: bool
    upstreams: tuple[Upstream, ...]
    server_name: str
    root_path: str | None
    tls: TLS | None
    health_check: bool
    status_page: bool
    servers: tuple[Server, ...]

    @property
    def requests_per_backend(self) -> int:
        """The requests that one upstream may have at once: with two connections each, half of all.

        A worker that is slow to answer would otherwise leave no connection for the others. 0: no upstream is
        in use.
        """
        locations = itertools.chain.from_iterable(server.locations for server in self.servers)
        if not any(location.backend for location in locations):
            return 0
        return max(1, self.worker_processes * self.worker_connections // 4)

    @property
    def revision(self) -> str:
        """A digest of all values, which shows whether nginx has loaded them."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def render(self) -> str:
        """Return the text of nginx.conf."""
        return _template().render(page=self, revision_path=REVISION_PATH)


@cache
def _template() -> "jinja2.Template":
    import jinja2  # takes longer to import than all other modules, and not every hook renders

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - what is shown is quoted for nginx, not for HTML
        finalize=quoted,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("nginx.conf.j2")
