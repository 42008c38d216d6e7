"""The command line."""

import argparse
import logging
import signal
import threading
from pathlib import Path

from ._config import Config, ConfigError
from ._http import DRAIN_SECONDS, WorkloadServer
from ._logs import set_up_logging
from ._metrics import Metrics
from ._reporter import Reporter
from ._service import KeyValueService
from ._shard import Shard
from ._store import Store
from ._tls import Certificate, client_context
from ._version import VERSION

logger = logging.getLogger("kv")


def roles_from(text: str) -> frozenset[str]:
    """Parse roles, joined by commas; `all` stands for both."""
    roles = frozenset(text.split(","))
    if not roles <= {"api", "store", "all"}:
        raise argparse.ArgumentTypeError("api, store or all, or several of them joined by commas")
    return frozenset({"api", "store"}) if "all" in roles else roles


def main() -> int:
    """Serve until SIGTERM or SIGINT, then answer the requests in flight, flush telemetry and return."""
    parser = argparse.ArgumentParser(description="A process of a small key-value service.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="JSON")
    parser.add_argument("--roles", type=roles_from, required=True, help="api, store, or all")
    parser.add_argument("--listen", default="", metavar="ADDRESS", help="the address (default: all)")
    parser.add_argument("--version", action="version", version=f"demo-worker, version {VERSION}")
    arguments = parser.parse_args()
    # Blocked in every thread from here on, the signals are pending until `sigwait` returns them.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    set_up_logging(())

    try:
        config = Config.load(arguments.config)
        context = client_context(config.tls)
        store = Store()
        metrics = Metrics(store)
        reporter = Reporter(config.telemetry, metrics, context)
        shards = [Shard(url, context) for url in config.stores]
        service = KeyValueService(arguments.roles, store, shards, metrics, reporter)
        certificate = Certificate(config.tls) if config.tls else None
        server = WorkloadServer(arguments.listen, config.port, service, metrics, certificate)
    except (ConfigError, OSError) as error:
        logger.error("cannot start: %s", error)
        return 1

    threading.Thread(target=server.serve_forever, args=(0.1,), name="server", daemon=True).start()
    roles = ", ".join(sorted(arguments.roles))
    logger.info("serving %s on port %d, with %d stores", roles, config.port, len(shards))
    signal.sigwait(signals)
    answered = server.drain()
    reporter.stop()
    logger.info("stopped" if answered else f"stopped after {DRAIN_SECONDS} s with requests unanswered")
    return 0
