"""Stands in for Juju's hook tools: a program on a charm's PATH under the name of each of them.

It answers from the JSON file that HOOK_WORLD names, and adds a line for each call to the one that HOOK_CALLS
names. A charm calls it a hundred times in a hook, so it imports only modules that load fast.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False  # like typing's, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

UNIT = os.environ.get("JUJU_UNIT_NAME", "")
APP = UNIT.partition("/")[0]

_STATUS = {"status": "active", "since": "2024-01-01 00:00:00Z"}
_LOOPBACK = {"hostname": "", "value": "127.0.0.1", "cidr": "127.0.0.0/8"}
_NETWORK = {
    "bind-addresses": [{"interface-name": "lo", "addresses": [_LOOPBACK]}],
    "egress-subnets": ["127.0.0.1/32"],
    "ingress-addresses": ["127.0.0.1"],
}

_WITH_VALUE = ("-r", "-l", "--log-level", "--file")
_NOTHING = object()


class Options:
    """The options on a tool's command line."""

    def __init__(self, arguments: list[str]):
        self.words: list[str] = []
        self.of_app = "--app" in arguments
        self.relation = os.environ.get("JUJU_RELATION_ID", "")
        left = list(arguments)
        while left:
            argument = left.pop(0)
            if argument == "--":
                self.words += left
                return
            if argument in _WITH_VALUE:
                value = left.pop(0)
                if argument == "-r":
                    self.relation = value
            elif not argument.startswith("--"):
                self.words.append(argument)

    def word(self, index: int, default: str) -> str:
        """Return the word at this position."""
        return self.words[index] if index < len(self.words) else default


def main(tool: str) -> None:
    """Act as the tool of this name."""
    text = sys.stdin.read() if "--file" in sys.argv else ""
    call = {"tool": tool, "args": sys.argv[1:], "text": text}
    with open(os.environ["HOOK_CALLS"], "a") as calls:  # noqa: PTH123 - pathlib takes long to import
        calls.write(json.dumps(call) + "\n")
    act = TOOLS[tool]
    if act is None:
        return
    with open(os.environ["HOOK_WORLD"], "r+") as file:  # noqa: PTH123 - pathlib takes long to import
        world = json.load(file)
        answer = act(world, Options(sys.argv[1:]), text)
        if answer is not _NOTHING:
            json.dump(answer, sys.stdout)
            return
        file.seek(0)
        json.dump(world, file)
        file.truncate()


def _relation(world: Any, options: Options) -> Any:
    number = options.relation.rpartition(":")[2]
    for relation in world["relations"]:
        if str(relation["id"]) == number:
            return relation
    sys.exit(f"ERROR invalid value {options.relation!r} for option -r: relation not found")


def _config_get(world: Any, options: Options, _: str) -> object:
    return world["config"].get(options.words[0]) if options.words else world["config"]


def _relation_ids(world: Any, options: Options, _: str) -> object:
    endpoint = options.words[0]
    return [f"{endpoint}:{each['id']}" for each in world["relations"] if each["endpoint"] == endpoint]


def _relation_list(world: Any, options: Options, _: str) -> object:
    relation = _relation(world, options)
    return relation["app"] if options.of_app else relation["units"]


def _relation_get(world: Any, options: Options, _: str) -> object:
    key, whose = options.word(0, "-"), options.word(1, os.environ.get("JUJU_REMOTE_UNIT", ""))
    data = _relation(world, options)["data"].get(whose, {})
    return data if key == "-" else data.get(key)


def _relation_set(world: Any, options: Options, text: str) -> object:
    data = _relation(world, options)["data"].setdefault(APP if options.of_app else UNIT, {})
    data.update(json.loads(text))
    for key in [key for key, value in data.items() if not value]:
        del data[key]
    return _NOTHING


def _relation_model_get(world: Any, options: Options, _: str) -> object:
    _relation(world, options)
    return {"uuid": os.environ["JUJU_MODEL_UUID"]}


def _open_port(world: Any, options: Options, _: str) -> object:
    world["ports"] += [port for port in options.words if port not in world["ports"]]
    return _NOTHING


def _close_port(world: Any, options: Options, _: str) -> object:
    world["ports"] = [port for port in world["ports"] if port not in options.words]
    return _NOTHING


def _no_secret(_world: Any, options: Options, _: str) -> object:
    raise SystemExit(f'ERROR secret "{options.word(0, "")}" not found')


TOOLS: dict[str, Callable[[Any, Options, str], object] | None] = {
    "application-version-set": None,
    "close-port": _close_port,
    "config-get": _config_get,
    "goal-state": lambda _world, _options, _text: {"units": {UNIT: _STATUS}, "relations": {}},
    "is-leader": lambda world, _options, _text: world["leader"],
    "juju-log": None,
    "network-get": lambda _world, _options, _text: _NETWORK,
    "open-port": _open_port,
    "opened-ports": lambda world, _options, _text: world["ports"],
    "relation-get": _relation_get,
    "relation-ids": _relation_ids,
    "relation-list": _relation_list,
    "relation-model-get": _relation_model_get,
    "relation-set": _relation_set,
    "secret-get": _no_secret,
    "secret-info-get": _no_secret,
    "status-set": None,
}
"""By the name of the tool; None if it is only recorded. A charm that calls another one does not find it."""

if __name__ == "__main__":
    main(os.path.basename(sys.argv[0]))  # noqa: PTH119 - pathlib takes long to import
