"""Events in two models, one line for each operation, and a check of Kubernetes after each."""

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from sandbox import samples
from sandbox.juju import LIBRARIES, Application, Controller, Model, Unit
from sandbox.juju._charm import CharmEndpoint
from sandbox.kubernetes import KubernetesServer
from sandbox.samples import BEACON, COORDINATOR, WORKER

from . import manual_edits
from .oracle import BY_HAND, BY_LIBRARY, Cluster, Policy, expected, found, is_published
from .watch import Watch

HALL, ANNEX = "hall", "annex"
_CHARMS = Path(__file__).parent / "charms"
_ALL_LIBRARIES = (*LIBRARIES, Path(samples.__file__).parent / "charms/lib")

CAST = {
    f"{HALL}/mesh": BEACON,
    f"{HALL}/spare": BEACON,
    f"{HALL}/goods": "catalogue",
    f"{HALL}/front": "shop",
    f"{HALL}/back": "shop",
    f"{HALL}/orders": "orders",
    f"{HALL}/site": BY_HAND,
    f"{HALL}/kv": COORDINATOR,
    f"{HALL}/api": WORKER,
    f"{HALL}/store": WORKER,
    f"{ANNEX}/mesh": BEACON,
    f"{ANNEX}/kiosk": "shop",
    f"{ANNEX}/scraper": "prometheus",
    f"{ANNEX}/goods": "catalogue",
}
"""All applications that there may be, by model and name, and their charms."""

_CONFIG = {
    BEACON: {
        "policy-mode": ["enforce", "audit", "off"],
        "manage-authorization-policies": ["true", "false"],
        "model-on-mesh": ["true", "false"],
        "restrict-consumers": ["true", "false"],
    },
    BY_HAND: {"also-open": ["goods", "site", "front"]},
    WORKER: {"role-all": ["true", "false"]},
    COORDINATOR: {"cpu-limit": ["1", "500m"]},
}
_INTERFACES = (
    *("service_mesh", "sample_catalogue", "sample_orders", "kv_api"),
    *("prometheus_scrape", "cross_model_mesh", "demo_cluster"),
)
_WITHIN_A_MODEL = ("service_mesh", "demo_cluster")
_MOST_UNITS = 3


class Story:
    """The operations so far, and the models that they have made.

    A line is a verb, its object (`model/application`, with an endpoint or a unit's number), and more.

    Args:
        kubernetes: an empty cluster.
    """

    def __init__(self, kubernetes: KubernetesServer):
        self.lines: list[str] = []
        self.kubernetes = kubernetes
        self.controller = Controller(kubernetes)
        for name in (HALL, ANNEX):
            self.controller.add_model(name)
        self._watch = Watch(kubernetes.store)
        self._unchecked_since: int | None = None
        """How many lines there were when somebody was first kept from doing their work, who is so still."""
        self._hardening: list[Policy] = []
        """The policies by which the mesh refuses what no other policy allows."""
        self._verbs: dict[str, Callable[..., None]] = {
            "deploy": self._deploy,
            "remove": self._remove,
            "relate": self._relate,
            "part": self._part,
            "scale": self._scale,
            "config": self._config,
            "refresh": self._refresh,
            "elect": self._elect,
            "kill": self._kill,
            "look": self._look,
            "edit": self._edit,
            "empty": self._empty,
            "fill": self._fill,
            "distrust": self._revoke_trust,
            "trust": self._trust,
            "harden": self._harden,
            "soften": self._soften,
        }

    @property
    def verbs(self) -> list[str]:
        """Return the possible operations."""
        return list(self._verbs)

    def possible(self, verb: str) -> list[str]:
        """Return all lines with this verb that are possible next."""
        apps, is_checked = self._applications(), self._unchecked_since is None
        lines: dict[str, Callable[[], Iterator[str]]] = {
            "deploy": lambda: (place for place in CAST if place not in apps and _can_run(CAST[place])),
            "remove": lambda: (place for place, app in apps.items() if app.trust),
            "relate": lambda: (pair for pair, is_there in self._pairs() if not is_there),
            "part": lambda: (pair for pair, is_there in self._pairs() if is_there),
            "scale": self._scales,
            "config": self._configurations,
            "refresh": lambda: iter(apps),
            "elect": lambda: (
                f"{place}/{unit.number}"
                for place, unit in self._units()
                if not unit.is_leader and not _is_old(unit.application)
            ),
            "kill": lambda: (f"{place}/{unit.number}" for place, unit in self._units()),
            "look": lambda: iter(self.controller.models),
            "edit": lambda: manual_edits.edits(self.kubernetes.store, self.controller.models.values()),
            "empty": lambda: (place for place, app in apps.items() if is_checked and not _is_old(app)),
            "fill": lambda: (place for place, app in apps.items() if not app.units and not app.dying),
            "distrust": lambda: (place for place, app in apps.items() if is_checked and not _is_old(app)),
            "trust": lambda: (place for place, app in apps.items() if not app.trust),
            "harden": lambda: iter(() if self._hardening else ("mesh",)),
            "soften": lambda: iter(("mesh",) if self._hardening else ()),
        }
        return [f"{verb} {line}" for line in lines[verb]()]

    def run(self, *lines: str, check: bool = True) -> None:
        """Run these lines, and check Kubernetes after each, unless the check is to be at the end."""
        for line in lines:
            self.lines.append(line if check else f"{line} …")
            verb, *words = line.split()
            self._verbs[verb](*words)
            if check:
                self.check()

    def replay(self, text: str) -> None:
        """Run the operations of an earlier story, given as its `str`."""
        for line in filter(None, map(str.strip, text.splitlines())):
            self.run(line.removesuffix(" …"), check=not line.endswith(" …"))

    def check(self) -> None:
        """Settle, and compare Kubernetes with what the models request.

        While an application has no units, or no permissions, others lack the data and objects that it would
        write: then only failures are checked, and everything else afterwards.

        Raises:
            AssertionError: if a hook failed, or if Kubernetes differs.
        """
        is_unchecked = any(not app.trust or not app.living_units for app in self._applications().values())
        has_just_left = (
            is_unchecked and self._unchecked_since == len(self.lines) and self._empties_settled_model
        )
        is_checked = self._unchecked_since is None or has_just_left
        self._watch.hold(self._expected() if is_checked else Cluster())
        self.controller.settle()
        self._look_for_errors()
        if is_unchecked and not is_checked:
            return
        if not is_unchecked:
            self._unchecked_since = None
        passing = self._differences()
        if any(not self._may_pass(difference) for difference in passing):
            raise AssertionError("\n".join(passing))
        if passing:
            self._update_status()
        gaps = self._watch.gaps()
        if problems := [*self._differences(), *gaps]:
            raise AssertionError("\n".join(problems))

    def end(self) -> None:
        """Remove all applications, and check that nothing is left."""
        for place, app in self._applications().items():
            if not app.trust:
                self._trust(place)
        self.check()
        if self._hardening:
            self._soften("mesh")
        for place in reversed(list(self._applications())):
            self._remove(place)
        self.check()
        left = list(itertools.chain(*(model.relations for model in self.controller.models.values())))
        assert not left, f"relations are left: {', '.join(map(str, left))}"
        assert not self.controller.secrets, "secrets are left"
        files = list(itertools.chain(*(self._directory(name).rglob("*") for name in self.controller.models)))
        assert not files, f"files are left: {list(map(str, files))}"

    def close(self) -> None:
        """End all processes."""
        self._watch.close()
        self.controller.close()

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _directory(self, model: str) -> Path:
        return self.controller.directory / model

    def _expected(self) -> Cluster:
        cluster = expected(self.controller.models.values(), self.kubernetes.store)
        cluster.policies.update(self._hardening)
        return cluster

    def _differences(self) -> list[str]:
        return found(self.kubernetes.store).differences(self._expected())

    def _update_status(self) -> None:
        for model in self.controller.models.values():
            model.update_status()
        self.controller.settle()
        self._look_for_errors()

    def _look_for_errors(self) -> None:
        for app in self._applications().values():
            for unit in app.units:
                assert not unit.error, f"{unit.name} is in error: {unit.error and unit.error.traceback}"

    def _may_pass(self, difference: str) -> bool:
        """Return whether a later event may remove the difference.

        An application that has left keeps its policies until its labels are removed, which the beacon sees
        with its next event; so does a beacon that waits until another releases the namespace.
        """
        return difference.startswith(("not wanted: ", "Namespace "))

    def _applications(self) -> dict[str, Application]:
        found: dict[str, Application] = {}
        for model in self.controller.models.values():
            found |= {f"{model.name}/{app.name}": app for app in model.applications.values()}
        return found

    def _units(self) -> Iterator[tuple[str, Unit]]:
        """Each unit, after the name of its application."""
        for place, app in self._applications().items():
            yield from ((place, unit) for unit in app.units)

    def _scales(self) -> Iterator[str]:
        for place, app in self._applications().items():
            if not app.dying and not _is_old(app):
                others = (number for number in range(1, _MOST_UNITS + 1) if number != len(app.units))
                yield from (f"{place} {number}" for number in others)

    def _configurations(self) -> Iterator[str]:
        for place, app in self._applications().items():
            for option, values in _CONFIG.get(app.charm.name, {}).items():
                yield from (f"{place} {option} {value}" for value in values)

    def _pairs(self) -> Iterator[tuple[str, bool]]:
        """Each pair of endpoints that is related or could be, as the words of a line, and whether it is."""
        ends: list[tuple[str, Application, CharmEndpoint]] = []
        for place, app in self._applications().items():
            known = (each for each in app.charm.endpoints.values() if each.interface in _INTERFACES)
            ends += [(place, app, endpoint) for endpoint in known]
        for there, requirer, wanted in ends:
            for here, provider, given in ends:
                fits = (wanted.role, given.role) == ("requires", "provides")
                is_near = requirer.model is provider.model or wanted.interface not in _WITHIN_A_MODEL
                if fits and is_near and wanted.interface == given.interface and requirer is not provider:
                    related = any(
                        side.endpoint == wanted
                        and side.other.application is provider
                        and side.other.endpoint == given
                        for side in requirer.sides
                    )
                    if related or not (_is_full(requirer, wanted.name) or _is_fragile(provider, given.name)):
                        yield f"{there}:{wanted.name} {here}:{given.name}", related

    # The verbs

    def _deploy(self, place: str) -> None:
        model, app = self._of(place)
        charm = CAST[place]
        if charm == BY_HAND:
            model.deploy(_CHARMS / charm, app)
        elif charm == WORKER:
            samples.deploy(model, charm, app, config={f"role-{app}": True})
        else:
            samples.deploy(model, charm, app)

    def _remove(self, place: str) -> None:
        model, app = self._of(place)
        for other in self.controller.models.values():
            if _alias(place) in other.consumed:
                other.remove_saas(_alias(place))
        if app in model.offers:
            model.remove_offer(app)
        model.remove_application(app)

    def _relate(self, one: str, other: str) -> None:
        model, left, right = self._ends(one, other)
        model.integrate(left, right)

    def _part(self, one: str, other: str) -> None:
        model, left, right = self._ends(one, other)
        model.remove_relation(left, right)

    def _scale(self, place: str, units: str) -> None:
        model, app = self._of(place)
        model.scale(app, int(units))

    def _config(self, place: str, option: str, value: str) -> None:
        model, app = self._of(place)
        model.config(app, {option: value})

    def _refresh(self, place: str) -> None:
        """Refresh to the same charm, or from an old library to the project's."""
        model, app = self._of(place)
        application = model.application(app)
        if is_published(application):
            application.source = replace(application.source, python=sys.executable, pythonpath=_ALL_LIBRARIES)
        model.refresh(app, _CHARMS / BY_LIBRARY if application.charm.name == BY_HAND else None)

    def _elect(self, unit: str) -> None:
        model, name = self._of(unit)
        model.set_leader(name)

    def _kill(self, unit: str) -> None:
        model, name = self._of(unit)
        model.kill(name)

    def _look(self, model: str) -> None:
        self.controller.models[model].update_status()

    def _edit(self, model: str, target: str, becomes: str) -> None:
        manual_edits.edit(self.kubernetes.store, model, target, becomes)
        self._look(model)

    def _empty(self, place: str) -> None:
        self._scale(place, "0")
        self._mark_unchecked()

    def _fill(self, place: str) -> None:
        self._scale(place, "1")

    def _revoke_trust(self, place: str) -> None:
        model, app = self._of(place)
        model.trust(app, remove=True)
        self._mark_unchecked()

    def _trust(self, place: str) -> None:
        model, app = self._of(place)
        model.trust(app)
        model.update_status()

    def _harden(self, _: str) -> None:
        self._hardening = manual_edits.harden(self.kubernetes.store)

    def _soften(self, _: str) -> None:
        manual_edits.soften(self.kubernetes.store)
        self._hardening = []

    def _mark_unchecked(self) -> None:
        self._unchecked_since = self._unchecked_since or len(self.lines)

    @property
    def _empties_settled_model(self) -> bool:
        """Return whether the last line empties a model, and all had settled before."""
        return self.lines[-1].startswith("empty ") and not self.lines[-2].endswith("…")

    def _of(self, place: str) -> tuple[Model, str]:
        model, _, name = place.partition("/")
        return self.controller.models[model], name

    def _ends(self, one: str, other: str) -> tuple[Model, str, str]:
        """Return the model in which two applications are related, and their names in it."""
        (here, left), (there, right) = self._of(one), self._of(other)
        if here is there:
            return here, left, right
        place, _, endpoint = other.partition(":")
        app = there.application(right.partition(":")[0])
        if app.name not in there.offers:
            there.offer(app.name, *app.charm.endpoints)
        if _alias(place) not in here.consumed:
            here.consume(f"{there.name}.{app.name}", _alias(place))
        return here, left, f"{_alias(place)}:{endpoint}"


def _alias(place: str) -> str:
    return place.replace("/", "-")


def _can_run(charm: str) -> bool:
    return charm != "orders" or samples.published_libraries() is not None


def fresh(kubernetes: KubernetesServer) -> Story:
    """A story in a new cluster."""
    kubernetes.access.restore()
    kubernetes.store.reset()
    kubernetes.requests.clear()
    return Story(kubernetes)


def _is_old(app: Application) -> bool:
    """Return whether its charm is older than the rule that a departing leader keeps its labels."""
    return app.charm.name == BY_HAND or is_published(app)


def _is_full(app: Application, endpoint: str) -> bool:
    there = [side for side in app.sides if side.endpoint.name == endpoint]
    return len(there) >= (app.endpoint(endpoint).limit or len(there) + 1)


def _is_fragile(app: Application, endpoint: str) -> bool:
    return is_published(app) and endpoint == "provide-cmr-mesh"
