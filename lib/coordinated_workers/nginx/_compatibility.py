"""Names on nginx that charms written for the published libraries use."""

import sys
from pathlib import Path as Path  # the tests of Litmus's charm patch its methods by this module's name
from typing import Any

from ._nginx import Nginx

_CHARMLIB = "charmlibs.nginx_k8s"


def published(name: str) -> Any:
    """Return what the package has under a name at present.

    The tests of Loki's and Mimir's charms replace functions there.
    """
    return getattr(sys.modules[__name__.rpartition(".")[0]], name)


def nginx_class(config: object) -> type[Nginx]:
    """Return the class of the nginx of a charm that passes this configuration.

    A charm that is built on charmlibs-nginx-k8s expects an nginx of that library's class: Loki's and Tempo's
    read, and their tests patch, attributes of that class about certificates.
    """
    if not type(config).__module__.startswith(_CHARMLIB):
        return Nginx
    theirs: Any = sys.modules[_CHARMLIB].Nginx
    return type("Nginx", (theirs, Nginx), {"__init__": Nginx.__init__, "reconcile": Nginx.reconcile})
