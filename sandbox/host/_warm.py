"""Work that each hook would otherwise repeat, done once in the process that hooks are forks of."""

import contextlib
from typing import Any


def warm() -> None:
    """Use libyaml if it is installed, and prepare lightkube for the kinds that charms read most."""
    _use_libyaml()
    _know_kinds()


def _use_libyaml() -> None:
    import yaml

    # ops-scenario writes a charm's whole metadata for each hook.
    with contextlib.suppress(AttributeError):
        yaml.SafeLoader, yaml.SafeDumper = yaml.CSafeLoader, yaml.CSafeDumper  # pyright: ignore[reportAttributeAccessIssue]  # one does what the other does


def _know_kinds() -> None:
    with contextlib.suppress(ImportError):
        from lightkube.resources import apps_v1, core_v1

        controlled: dict[str, Any] = {"spec": {"selector": {}, "serviceName": "", "template": {}}}
        apps_v1.Deployment.from_dict(controlled)
        apps_v1.StatefulSet.from_dict(controlled)
        for kind in (core_v1.ConfigMap, core_v1.Namespace, core_v1.Service):
            kind.from_dict({})
