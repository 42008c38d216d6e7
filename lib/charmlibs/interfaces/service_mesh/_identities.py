"""The identities of applications of other models: their own name, and the namespace of their model."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import ops

import relation_data
from k8s_charm import Client, ModelNamespace, find_application, kubernetes_errors
from relation_data import quoted

from ._cross_model import is_cross_model_name, read_cmr_data
from ._models import CMRData

logger = logging.getLogger(__name__)

_ADDRESS = "ingress-address"


@dataclass(frozen=True)
class Remote:
    """An application of another model, as one relation shows it."""

    name: str
    """Its name in this model: one name on Juju 3, another one in each relation on Juju 4."""
    model_uuid: str
    """The uuid of its model; empty if Juju does not provide it."""
    address: str = ""
    """The ClusterIP of its Service, which Juju puts into its units' databags; empty if not known yet."""
    relation_id: int = 0
    """The relation's id, which Juju does not use again."""


@dataclass(frozen=True)
class Identities:
    """Known identities of applications of other models, by the names that this model shows."""

    known: dict[str, CMRData] = field(default_factory=dict[str, CMRData])
    unknown: frozenset[str] = frozenset()
    """Applications whose identity is not known yet."""
    contradictions: Sequence[str] = ()
    """Claims that Kubernetes contradicts, a line each."""
    without_identity: frozenset[str] = frozenset()
    """Applications that are related over `cross_model_mesh` and have sent nothing over it."""
    invalid: Mapping[str, str] = field(default_factory=dict[str, str])
    """Applications that have sent invalid data over it, and the reason."""


def identify(
    remotes: Iterable[Remote],
    claims: Iterable[tuple[Remote, CMRData]],
    found: Callable[[Remote], ModelNamespace | None],
) -> Identities:
    """Return the identity of each application of another model.

    What Kubernetes returns is decisive, since no application can forge it. If Kubernetes has only the
    application's namespace, a claim has to name that namespace. If it has neither, the claim is used.

    Args:
        remotes: the applications, relation by relation.
        claims: the identities that applications send over `cross_model_mesh`.
        found: returns the namespace and application in Kubernetes; None if the model is not in the cluster,
            or Kubernetes cannot be reached.
    """
    claims = list(claims)
    known: dict[str, CMRData] = {}
    unknown: set[str] = set()
    contradictions: dict[str, None] = {}
    for remote in remotes:
        claimed, place = _claims_of(remote, claims), found(remote)
        if place and place.app:
            identity = CMRData(app_name=place.app, juju_model_name=place.name)
        else:
            possible = [data for data in claimed if not place or data.juju_model_name == place.name]
            identity = possible[0] if len(possible) == len(claimed) == 1 else None
        for data in claimed:
            if data != identity:
                claim = f"{quoted(data.app_name)} of {quoted(data.juju_model_name)}"
                line = f"ignoring cross_model_mesh data of {remote.name}: it is not {claim}"
                contradictions[line] = None
        if identity:
            known[remote.name] = identity
        else:
            unknown.add(remote.name)
    return Identities(known, frozenset(unknown - known.keys()), tuple(contradictions))


def _claims_of(remote: Remote, claims: Iterable[tuple[Remote, CMRData]]) -> list[CMRData]:
    """Return the different claims of one application: by its name, or else by its model and address."""
    same_name = [data for author, data in claims if author.name == remote.name]
    same_address = [
        data
        for author, data in claims
        if remote.model_uuid and remote.address
        if (author.model_uuid, author.address) == (remote.model_uuid, remote.address)
    ]
    different: list[CMRData] = []
    for data in same_name or same_address:
        if data not in different:
            different.append(data)
    return different


class CrossModelIdentities(ops.Object):
    """The identities of related applications of other models, looked up once and stored.

    Each relation and address is looked up once, so that an idle hook sends no request.

    Args:
        charm: the charm that is related to them.
        client: returns the client for Kubernetes.
        claims_endpoint: the endpoint that provides `cross_model_mesh`, which charmcraft.yaml may lack.
    """

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase, client: Callable[[], Client], claims_endpoint: str):
        super().__init__(charm, f"{claims_endpoint}-identities")
        self._charm = charm
        self._client = client
        self._claims_endpoint = claims_endpoint
        self._stored.set_default(models={}, places={})
        # Results of this hook, also empty ones, are not looked up again in it.
        self._models: dict[str, ModelNamespace | None] = {}
        self._is_unavailable = False

    def identify(self, relations: Iterable[ops.Relation]) -> Identities:
        """Return the identities of the related applications that are of another model."""
        claims, without_identity, invalid = self._claims()
        claimants = {author.name for author, _ in claims}
        remotes = [
            self._remote(relation) for relation in relations if self._is_cross_model(relation, claimants)
        ]
        found = identify(remotes, claims, self._found)
        return replace(found, without_identity=frozenset(without_identity), invalid=invalid)

    def _is_cross_model(self, relation: ops.Relation, claimants: Container[str]) -> bool:
        if not relation.app or relation.app is self._charm.app:
            return False
        if is_cross_model_name(relation.app.name):
            return True
        if uuid := self._model_uuid(relation):
            return uuid != self._charm.model.uuid
        return relation.app.name in claimants

    def _claims(self) -> tuple[list[tuple[Remote, CMRData]], list[str], dict[str, str]]:
        """Return the claims, the applications that have sent none, and those with invalid ones."""
        claims: list[tuple[Remote, CMRData]] = []
        without_identity: list[str] = []
        invalid: dict[str, str] = {}
        is_declared = self._claims_endpoint in self._charm.meta.relations
        for relation in self._charm.model.relations[self._claims_endpoint] if is_declared else ():
            if not relation.app:
                continue
            try:
                data = read_cmr_data(relation)
            except ValueError as error:
                logger.warning("%s:%d: invalid identity: %s", relation.name, relation.id, error)
                invalid[relation.app.name] = str(error)
                continue
            if data:
                claims.append((self._remote(relation), data))
            else:
                without_identity.append(relation.app.name)
        return claims, without_identity, invalid

    def _remote(self, relation: ops.Relation) -> Remote:
        uuid, address = self._model_uuid(relation), self._address(relation)
        return Remote(relation.app.name, uuid, address, relation.id)

    def _model_uuid(self, relation: ops.Relation) -> str:
        models = cast("MutableMapping[str, str]", self._stored.models)
        key = str(relation.id)
        if key not in models:
            try:
                models[key] = relation.remote_model.uuid
            except (ops.ModelError, FileNotFoundError):
                return ""  # not available in Juju before 3.6.2
        return models[key]

    def _address(self, relation: ops.Relation) -> str:
        for unit in sorted(relation.units, key=lambda unit: unit.name):
            try:
                address = relation_data.read(relation, unit).get(_ADDRESS)
            except relation_data.DatabagError:
                continue
            if address:
                return address
        return ""

    def _found(self, remote: Remote) -> ModelNamespace | None:
        if not remote.model_uuid:
            return None
        places = cast("MutableMapping[str, list[str | None]]", self._stored.places)
        address = f"{remote.model_uuid} {remote.address}"
        # Kubernetes may give the address of a removed Service to another one, which has other relations.
        key = f"{remote.relation_id} {address}"
        if key in places:
            name, app = places[key]
            return ModelNamespace(str(name), app)
        if address not in self._models:
            self._models[address] = self._ask(remote)
        place = self._models[address]
        if place and place.app:
            places[key] = [place.name, place.app]
        return place

    def _ask(self, remote: Remote) -> ModelNamespace | None:
        if self._is_unavailable:
            return None
        try:
            return find_application(self._client(), remote.model_uuid, remote.address)
        except kubernetes_errors() as error:
            self._is_unavailable = True
            logger.debug("the identity of %s was not looked up: %s", remote.name, error)
            return None
