"""The service in the roles of this process."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus

from ._answer import Answer, problem
from ._config import Labels
from ._logs import access_logger
from ._metrics import Metrics
from ._payloads import Span
from ._reporter import Reporter
from ._shard import Shard, ShardError
from ._store import KeyRefusedError, Store, key_from
from ._trace import CLIENT_SPAN, SERVER_SPAN, Trace

logger = logging.getLogger("kv")


class KeyValueService:
    """Answers requests in the roles of this process."""

    def __init__(
        self,
        roles: Iterable[str],
        store: Store,
        shards: Sequence[Shard],
        metrics: Metrics,
        reporter: Reporter,
    ):
        self._handlers: dict[str, Callable[[str, str, bytes, Trace], Answer]] = {}
        if "api" in roles:
            self._handlers["kv"] = self._api
        if "store" in roles:
            self._handlers["store"] = self._held_here
        self._store = store
        self._shards = shards
        self._metrics = metrics
        self._reporter = reporter

    def answer(self, method: str, path: str, body: bytes, traceparent: str) -> Answer:
        """Answer one request, and report it in metrics, log and traces."""
        if path == "/healthz":
            return Answer(HTTPStatus.OK, b"ready\n")
        if path == "/metrics":
            return Answer(HTTPStatus.OK, self._metrics.text().encode(), "text/plain; version=0.0.4")
        prefix, _, segment = path.removeprefix("/").partition("/")
        handler = self._handlers.get(prefix)
        if handler is None:
            return problem(HTTPStatus.NOT_FOUND, "no such path")
        role = "api" if prefix == "kv" else prefix
        if method not in ("GET", "PUT", "DELETE"):
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, "GET, PUT or DELETE", Allow="GET, PUT, DELETE")
        trace = Trace.from_header(traceparent)
        start_ns, start = time.time_ns(), time.perf_counter()
        try:
            answer = handler(method, key_from(segment), body, trace)
        except KeyRefusedError as error:
            answer = problem(HTTPStatus.BAD_REQUEST, str(error))
        seconds, route = time.perf_counter() - start, f"/{prefix}/{{key}}"
        status = int(answer.status)
        self._metrics.requests.add(role, method, str(status))
        self._metrics.duration.observe(role, method, seconds=seconds)
        # Keys belong to the users: no log, span or metric shows one.
        fields = {
            "role": role,
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 6),
            "trace_id": trace.trace_id,
        }
        access_logger.info("request", extra={"fields": fields})
        attributes = {"http.request.method": method, "http.route": route}
        self._report_span(trace, f"{method} {route}", SERVER_SPAN, start_ns, answer, attributes)
        return answer

    def _held_here(self, method: str, key: str, value: bytes, _: Trace) -> Answer:
        return self._store.answer(method, key, value)

    def _api(self, method: str, key: str, value: bytes, trace: Trace) -> Answer:
        if not self._shards:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "there is no store")
        # Rendezvous hashing: if a store is added or removed, only its own share of the keys moves.
        shard = max(self._shards, key=lambda shard: shard.weight(key))
        call = trace.child()
        start_ns = time.time_ns()
        try:
            answer = shard.answer(method, key, value, call)
            if not shard.answers:
                logger.info("store %s answers again", shard.name)
            shard.answers = True
        except ShardError as error:
            self._metrics.shard_failures.add(shard.name)
            if shard.answers:
                logger.warning("store %s does not answer: %s", shard.name, error)
            shard.answers = False
            answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, f"store {shard.name} does not answer")
        attributes = {"server.address": shard.name}
        self._report_span(call, f"{method} {shard.name}", CLIENT_SPAN, start_ns, answer, attributes)
        return answer

    def _report_span(
        self, trace: Trace, name: str, kind: int, start_ns: int, answer: Answer, attributes: Labels
    ) -> None:
        if trace.sampled:
            attributes = {**attributes, "http.response.status_code": str(int(answer.status))}
            failed = answer.status >= 500
            self._reporter.span(Span(trace, name, kind, start_ns, time.time_ns(), attributes, failed))
