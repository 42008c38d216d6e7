"""A mesh on this machine that enforces the policies in Kubernetes."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from lightkube import Client
from typing_extensions import Self

from ._addresses import Addresses, NoAddressesError, listening, listening_everywhere
from ._envoy import Envoy
from ._handover import handover
from ._identity import CertificateAuthority, Identity
from ._proxies import Configuration, Destination, Places, node_proxy, waypoint_proxy
from ._state import Account, PodState, ServiceState, State, WaypointState, read

_LOOKS_EVERY = 0.2
_DOMAIN = "svc.cluster.local"


class DryRunCount(NamedTuple):
    """The requests that policies in audit mode would have allowed and denied."""

    allowed: int
    denied: int


class Mesh:
    """Keeps real proxies up to date with Kubernetes' pods, Services, waypoints and policies.

    A context manager: the proxies start with it and end with it.

    Args:
        client: reads Kubernetes; nothing is written.
        directory: an existing directory for keys, certificates and configurations.
        addresses: the addresses on this machine.
        auto_allow: act like an istiod with PILOT_AUTO_ALLOW_WAYPOINT_POLICY on.
    """

    def __init__(self, client: Client, directory: Path, addresses: Addresses, *, auto_allow: bool = True):
        self._client = client
        self.auto_allow = auto_allow
        self._directory = directory
        self._addresses = addresses
        self.on_change: Callable[[], None] = lambda: None
        """Called whenever pods, Services or waypoints have changed, at times from a thread."""
        self._listening: Mapping[str, frozenset[int]] = {}
        authority = directory / "identities"
        authority.mkdir()
        self._authority = CertificateAuthority(authority)
        self._places = Places(
            of_pod=self.address_of_pod,
            inside=lambda pod: self.inside(pod.namespace, pod.name),
            of_waypoint=lambda waypoint: self._addresses.of(waypoint),
            captured=self.address,
            ports=self.ports,
            identity=self._authority.identity,
        )
        self._proxies: dict[WaypointState | None, Envoy] = {}
        self._proxies_so_far = 0
        self._state = State((), (), (), ())
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._keep_up, name="mesh", daemon=True)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        try:
            self.sync()
        except BaseException:
            self.close()
            raise
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the proxies."""
        self._end.set()
        if self._watch.is_alive():
            self._watch.join()
        for proxy in self._proxies.values():
            proxy.stop()
        self._proxies.clear()

    @property
    def state(self) -> State:
        """Return the last state that was read from Kubernetes."""
        return self._state

    def sync(self) -> None:
        """Read Kubernetes, and send the changes to the proxies; after a rejected change, each call fails.

        Raises:
            EnvoyError: if a proxy did not start, or rejects its configuration.
            NoAddressesError: if another program on this machine uses a required port.
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        with self._lock:
            if self._error:
                raise self._error
            state = self._read()
            try:
                self._follow(state)
            except Exception as error:
                self._error = error
                raise

    def ports(self, pod: PodState) -> frozenset[int]:
        """The ports on which the processes of a pod listened when the mesh was synced last."""
        return self._listening.get(self.inside(pod.namespace, pod.name), frozenset())

    def identity(self, account: Account) -> Identity:
        """Return the identity of an account, for tests that act as it."""
        return self._authority.identity(account)

    def inside(self, namespace: str, pod: str) -> str:
        """The address at which the processes of a pod must listen."""
        return self._addresses.of(("inside", namespace, pod))

    def resolver(self, account: Account) -> str:
        """The address at which an account's processes resolve names."""
        return self._addresses.of(("resolver", account))

    def address_of_pod(self, pod: PodState) -> str:
        """The address at which a pod is reached from outside the mesh."""
        return self._addresses.of(("pod", pod.namespace, pod.name))

    def names(self, account: Account) -> Mapping[str, list[str]]:
        """Return the names that an account's processes must resolve: host name → addresses."""
        names: dict[str, list[str]] = {}
        for service in self._state.services:
            name = f"{service.name}.{service.namespace}.{_DOMAIN}"
            if not service.headless:
                names[name] = [self.address(account, service)]
                continue
            names[name] = [self.address(account, pod) for pod in service.pods]
            for pod in service.pods:
                names[f"{pod.name}.{name}"] = [self.address(account, pod)]
        return names

    def address(self, account: Account, destination: Destination) -> str:
        """The address at which an account's processes find a pod or a Service."""
        kind = "service" if isinstance(destination, ServiceState) else "pod"
        return self._addresses.of((account, kind, destination.namespace, destination.name))

    def answered(self, account: Account) -> Mapping[str, int]:
        """Return the bytes that an account's processes received: `pod m/web-0:8080` or `service …` → bytes.

        A request that is denied at a pod gets none; one denied at a waypoint, its short answer.
        """
        start, end = f"cluster.{account.namespace}/{account.name} to ", ".upstream_cx_rx_bytes_total"
        found: dict[str, int] = {}
        for name, number in self._proxies[None].counters(end).items():
            if name.startswith(start):
                # In its statistics, Envoy replaces the colon by another character.
                destination, _, port = name.removeprefix(start).removesuffix(end).rpartition("_")
                found[f"{destination}:{port}"] = number
        return found

    def sockets(self) -> Mapping[WaypointState, Path]:
        """Return the address on this machine at which the proxy of each waypoint shows its counters."""
        return {waypoint: proxy.admin for waypoint, proxy in self._proxies.items() if waypoint}

    def recorded(self, waypoint: WaypointState) -> DryRunCount:
        """Count the requests so far that a waypoint would have allowed and denied by policies in audit mode.

        Each request counts once for those that allow, and once for those that deny.
        """
        proxy = self._proxies[waypoint]
        counts = [sum(proxy.counters(f"shadow_{verdict}").values()) for verdict in ("allowed", "denied")]
        return DryRunCount(*counts)

    def _follow(self, state: State) -> None:
        before, self._state = self._state, state
        now = listening()
        if self._proxies and (state, now) == (before, self._listening):
            return
        self._listening = now
        _check_ports(state)
        both = handover(before, state)
        # Additions first, then references to them, and removals last.
        self._configure(None, node_proxy(both, self._places, auto_allow=self.auto_allow, routes=before))
        for waypoint in state.waypoints:
            self._configure(waypoint, waypoint_proxy(both, waypoint, self._places))
        self._configure(None, node_proxy(state, self._places, auto_allow=self.auto_allow))
        for waypoint in state.waypoints:
            self._configure(waypoint, waypoint_proxy(state, waypoint, self._places))
        for gone in self._proxies.keys() - {None, *state.waypoints}:
            self._proxies.pop(gone).stop()
        if (state.pods, state.services) != (before.pods, before.services):
            self.on_change()

    def _read(self) -> State:
        """Read a consistent state, although its kinds are listed one after another."""
        state, now = self._state, read(self._client)
        while now != state:
            state, now = now, read(self._client)
        return state

    def _configure(self, waypoint: WaypointState | None, config: Configuration) -> None:
        """Send one proxy its configuration; None is the node proxy."""
        proxy = self._proxies.get(waypoint)
        if proxy is None:
            name = f"waypoint {waypoint.namespace}/{waypoint.name}" if waypoint else "node proxy"
            self._proxies_so_far += 1
            # Short, since the path of a socket in it has a limit.
            directory = self._directory / str(self._proxies_so_far)
            directory.mkdir()
            proxy = Envoy(name, directory)
        proxy.configure(config.listeners, config.clusters)
        if waypoint not in self._proxies:
            self._proxies[waypoint] = proxy
            proxy.start()

    def _keep_up(self) -> None:
        while not self._end.wait(_LOOKS_EVERY):
            # The next call from outside raises this error.
            with contextlib.suppress(Exception):
                self.sync()
            if self._error:
                return


def _check_ports(state: State) -> None:
    everywhere = listening_everywhere()
    for service in state.services:
        for port in everywhere & service.ports.keys():
            raise NoAddressesError(
                f"{service.namespace}/{service.name} needs port {port}, at which another program of this "
                f"machine listens for all addresses: end it (ss -ltnp 'sport = :{port}' names it)"
            )
