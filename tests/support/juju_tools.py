"""Errors of Juju's tools that ops.testing lacks, also for arguments that no program accepts."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from ops import ModelError, RelationNotFoundError
from scenario import mocking

_Backend = mocking._MockModelBackend

LONGEST_ARGUMENT = 128 * 1024 - 1
"""As Linux has it, in bytes (MAX_ARG_STRLEN)."""
LONGEST_COMMAND_LINE = 1024 * 1024
"""About what Linux has room for beside a charm's environment (ARG_MAX)."""
LONGEST_SECRET = 100 * 1024
"""As Juju has it, in bytes, for one value of a secret."""


class ArgumentError(BaseException):
    """An argument that Juju's tools do not accept; no charm catches it."""


def check_argument(tool: str, text: str) -> None:
    """Raise unless a program can be started with this argument."""
    if "\0" in text:
        raise ArgumentError(f"{tool}: NUL in {text!r:.200}")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise ArgumentError(f"{tool}: half a character in {text!r:.200}") from None
    if length > LONGEST_ARGUMENT:
        raise ArgumentError(f"{tool}: {length} bytes in {text!r:.200}")


def check_message(tool: str, text: str) -> None:
    """Raise unless a tool accepts this text as a message, after the options of its command line.

    Older releases of ops do not separate it from these: a message that begins with a hyphen is an option.
    """
    check_argument(tool, text)
    if text.startswith("-"):
        raise ArgumentError(f"{tool}: an option in {text!r:.200}")


def check_secret(tool: str, *texts: str | None, content: Mapping[str, str] | None = None) -> None:
    """Raise unless a tool accepts these texts as arguments, and this content in files.

    Charms may handle that Juju refuses a long secret.
    """
    for text in texts:
        check_message(tool, text or "")
    check_content(tool, content or {})
    if any(len(value.encode()) > LONGEST_SECRET for value in (content or {}).values()):
        raise ModelError("ERROR secret content too large\n")


def check_content(tool: str, content: Mapping[str, str]) -> None:
    """Raise unless a tool accepts these keys and values in a file."""
    for text in (*content, *content.values()):
        check_argument(tool, text[:1000])
        check_argument(tool, text[-1000:])
        if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text):
            raise ArgumentError(f"{tool}: {text!r:.200}")


def check_every_argument(patch: pytest.MonkeyPatch) -> None:
    """Check all arguments that charms give to Juju's tools."""

    def with_check(name: str, check: Callable[..., None]) -> None:
        original = getattr(_Backend, name)

        def checked(backend: Any, *args: Any, **kwargs: Any) -> Any:
            check(*args, **kwargs)
            return original(backend, *args, **kwargs)

        patch.setattr(_Backend, name, checked)

    def check_log(level: str, message: str) -> None:
        # ops cuts a long one
        for start in range(0, len(message) or 1, LONGEST_ARGUMENT // 4):
            check_argument("juju-log", message[start : start + LONGEST_ARGUMENT // 4])

    def check_results(results: Mapping[str, Any]) -> None:
        arguments = [f"{key}={value}" for key, value in _flat(results)]
        for argument in arguments:
            check_argument("action-set", argument)
        if (length := sum(len(argument.encode()) for argument in arguments)) > LONGEST_COMMAND_LINE:
            raise ArgumentError(f"action-set: {length} bytes")

    with_check("action_set", check_results)

    def check_secret_tool(tool: str, *ids: str | None, **given: Any) -> None:
        texts = (given.get(each) for each in ("id", "label", "description"))
        check_secret(tool, *ids, *texts, content=given.get("content"))

    with_check("action_fail", lambda message="": check_message("action-fail", message))
    with_check("action_log", lambda message: check_message("action-log", message))
    with_check("status_set", lambda status, message="", **_: check_message("status-set", message))
    with_check("application_version_set", lambda version: check_message("application-version-set", version))
    with_check("juju_log", check_log)
    with_check("relation_set", lambda relation_id, data, *_, **__: check_content("relation-set", data))
    with_check(
        "secret_add", lambda content, **given: check_secret_tool("secret-add", content=content, **given)
    )
    with_check("secret_set", partial(check_secret_tool, "secret-set"))
    with_check("secret_get", partial(check_secret_tool, "secret-get"))
    with_check("secret_info_get", partial(check_secret_tool, "secret-info-get"))
    with_check("secret_grant", lambda secret_id, *_, **__: check_secret("secret-grant", secret_id))


def forbid_writing(patch: pytest.MonkeyPatch) -> None:
    """Have the test fail when anything is written into a databag."""

    def relation_set(_: object, relation_id: int, data: Mapping[str, str], *__: Any, **___: Any) -> None:
        raise ArgumentError(f"written into relation {relation_id}: {data}")

    patch.setattr(_Backend, "relation_set", relation_set)


def refuse_databags(
    patch: pytest.MonkeyPatch, *relation_ids: int, tools: Collection[str] = ("relation_get", "relation_set")
) -> None:
    """Have Juju refuse to read and to write the databags of these relations."""
    for tool in tools:
        original = getattr(_Backend, tool)

        def refused(
            backend: Any, relation_id: int, *args: Any, original: Any = original, **kwargs: Any
        ) -> Any:
            if relation_id in relation_ids:
                raise ModelError("ERROR permission denied\n")
            return original(backend, relation_id, *args, **kwargs)

        patch.setattr(_Backend, tool, refused)


def refuse_tools(patch: pytest.MonkeyPatch, *tools: str) -> None:
    """Have tools end with an error at every call."""

    def refused(*_: Any, **__: Any) -> None:
        raise ModelError("ERROR permission denied\n")

    for tool in tools:
        patch.setattr(_Backend, tool, refused)


def count_tools(patch: pytest.MonkeyPatch) -> Counter[tuple[str, ...]]:
    """Return a counter of the calls of tools that read, each with its arguments.

    ops caches answers of tools, and does not ask again; that of `is-leader` only with Juju, and not in
    ops.testing.
    """
    calls: Counter[tuple[str, ...]] = Counter()
    for tool in ("relation_get", "relation_ids", "relation_list", "relation_model_get", "planned_units"):
        original = getattr(_Backend, tool)

        def counted(
            backend: Any, *args: Any, tool: str = tool, original: Any = original, **kwargs: Any
        ) -> Any:
            calls[(tool, *map(str, args), *map(str, kwargs.values()))] += 1
            return original(backend, *args, **kwargs)

        patch.setattr(_Backend, tool, counted)
    return calls


def lose_relations(patch: pytest.MonkeyPatch, *relation_ids: int, knows_app: bool = True) -> None:
    """Have Juju know only the ids of these relations, as of one that is removed during a hook.

    Args:
        patch: undoes it.
        relation_ids: the ids.
        knows_app: whether the hook is one of the relation's own, in which the remote application is known.
    """
    tools = ["relation_get", "relation_set", "relation_list"]
    for tool in tools:
        original = getattr(_Backend, tool)

        def lost(backend: Any, relation_id: int, *args: Any, original: Any = original, **kwargs: Any) -> Any:
            if relation_id in relation_ids:
                raise RelationNotFoundError
            return original(backend, relation_id, *args, **kwargs)

        patch.setattr(_Backend, tool, lost)
    if not knows_app:
        known = _Backend.relation_remote_app_name

        def unknown(backend: Any, relation_id: int, *args: Any, **kwargs: Any) -> Any:
            return None if relation_id in relation_ids else known(backend, relation_id, *args, **kwargs)

        patch.setattr(_Backend, "relation_remote_app_name", unknown)


def _flat(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in results.items():
        if isinstance(value, Mapping):
            for inner, text in _flat(value):
                yield f"{key}.{inner}", text
        else:
            yield key, str(value)
