"""Forbidden effects of data in a relation."""

from collections.abc import Iterator

from relation_data import one_line
from tests.security.attack import Attack, Seen, is_on_mallory, lost
from tests.security.databags import size
from tests.security.worlds import secret_lines

LONGEST_LINE = 1_000
MOST_LINES = 200
MOST_OF_A_KIND = 200
ROOM = 200_000
"""The number of characters by which data for others may grow."""


def harm_of(attacked: Attack, seen: Seen) -> Iterator[str]:
    """Yield the forbidden effects of the data, in words."""
    before, after = attacked.before, seen.others
    if attacked.endpoint == "certificates":
        # a valid certificate turns TLS on everywhere
        before, after = _without_tls(before), _without_tls(after)
    if attacked.endpoint == "s3":
        # without its store the cluster serves no users
        before = {**before, "databags": {}}
    if attacked.endpoint == "service-mesh" and attacked.world.app == "kv":
        # a mesh, which encrypts, turns TLS off everywhere
        before = {**before, "databags": {}, "nginx": {}}
    if attacked.endpoint == "self-workload-tracing":
        # gRPC clients send no path that distinguishes the two kinds of traces
        before = _without_grpc(before)
    yield from (f"others had {line}" for line in lost(before, after))
    if problem := attacked.nginx_refuses(seen.nginx_conf):
        yield problem
    if attacked.world.app == "beacon":
        added = [each for each in seen.policies if each["metadata"]["name"] not in before["policies"]]
        if attacked.endpoint == "service-mesh":
            yield from (
                f"a policy that is not its own: {each}" for each in added if not is_on_mallory(each["spec"])
            )
    for where, text in _texts(attacked, seen):
        for secret in secret_lines():
            if secret in text:
                yield f"a secret is in {where}: {text[:200]}"
    yield from (
        f"a line of {len(line)} characters: {line[:300]}" for line in seen.logs if len(line) > LONGEST_LINE
    )
    if len(seen.logs) > MOST_LINES:
        yield f"{len(seen.logs)} lines, such as {seen.logs[-1][:300]}"
    for secret in seen.state.secrets:
        readers = [each.endpoint for each in seen.state.relations if each.id in secret.remote_grants]
        if set(readers) - {"demo-cluster"}:
            yield f"{secret.label} may be read over {readers}"
    for file in sorted(attacked.files(seen.state) - attacked.known_files):
        yield f"a file that nobody knows: {file}"
    if (opened := len(seen.state.opened_ports)) > MOST_OF_A_KIND:
        yield f"{opened} ports are opened, each by a process"
    for container in seen.state.containers:
        if (targets := len(container.plan.log_targets)) > MOST_OF_A_KIND:
            yield f"logs of {container.name} go to {targets} places"
    status = seen.state.unit_status.message
    if len(status) > LONGEST_LINE:
        yield f"a status of {len(status)} characters: {status[:300]}"
    for where, text in (("status", status), *(("log", line) for line in seen.logs)):
        if one_line(text, longest=len(text)) != text:
            yield f"characters that change a line in a {where}: {text[:300]!r}"
    for relation in seen.state.relations:
        if attacked.is_hostile(relation):
            continue
        for side in ("local_app_data", "local_unit_data"):
            grown = size(getattr(relation, side, {})) - size(_same(attacked, relation.id, side))
            if grown > ROOM:
                yield f"{relation.endpoint} got {grown} characters more"


def _texts(attacked: Attack, seen: Seen) -> Iterator[tuple[str, str]]:
    """Yield the texts that people and applications other than the attacker read, with their places."""
    yield "status", seen.state.unit_status.message
    yield "nginx.conf", seen.nginx_conf
    yield from (("log", line) for line in seen.logs)
    for relation in seen.state.relations:
        for side in ("local_app_data", "local_unit_data"):
            if not attacked.is_hostile(relation):
                for key, value in getattr(relation, side, {}).items():
                    yield f"{relation.endpoint} {key}", value


def _same(attacked: Attack, relation_id: int, side: str) -> dict[str, str]:
    return getattr(attacked.base.get_relation(relation_id), side, {})


def _without_tls(seen: object) -> object:
    if isinstance(seen, dict):
        return {key: _without_tls(value) for key, value in seen.items()}
    if isinstance(seen, list | tuple):
        return [_without_tls(each) for each in seen]
    return seen.replace("https", "http") if isinstance(seen, str) else seen


def _without_grpc(seen: object) -> object:
    if not isinstance(seen, dict):
        return seen
    return {
        key: _without_grpc(value) for key, value in seen.items() if "grpc" not in key and "Export" not in key
    }
