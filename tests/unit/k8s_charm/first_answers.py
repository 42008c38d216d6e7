"""Reconcile for the first time, again and again: in a child each. Prints how many requests failed."""

import os
import sys

from lightkube import Client
from lightkube.resources.apps_v1 import StatefulSet

from istio_policies import AuthorizationPolicy, Gateway
from tests.support.reconciling import reconcile

LABELS = {"made-by": "test"}


def lists(client: Client) -> int:
    namespaces = [f"n{number}" for number in range(4)]
    kinds = (AuthorizationPolicy, Gateway, StatefulSet)
    result = reconcile(client, [], kinds, labels=LABELS, namespaces=namespaces)
    return 8 + len(result.failed)


def refusals(client: Client) -> int:
    wanted = [
        AuthorizationPolicy({"metadata": {"name": f"p{number}", "namespace": "m"}, "spec": {}})
        for number in range(8)
    ]
    return len(reconcile(client, wanted, [AuthorizationPolicy], labels=LABELS).failed)


def main(what: str, runs: int) -> None:
    # Threads are switched often, as on a busy processor.
    sys.setswitchinterval(1e-6)
    for _ in range(runs):
        child = os.fork()
        if not child:
            failed = {"lists": lists, "refusals": refusals}[what](Client(field_manager="test"))
            os.write(1, f"{failed}\n".encode())
            os._exit(0)
        if status := os.waitpid(child, 0)[1]:
            sys.exit(f"a child ended with {status}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
