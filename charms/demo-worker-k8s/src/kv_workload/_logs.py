"""Logging as lines of JSON, to standard output and to Loki."""

import json
import logging
import sys
from collections.abc import Iterable, Mapping

from ._exporter import Exporter
from ._payloads import LogLine

logger = logging.getLogger("kv")
access_logger = logging.getLogger("kv.access")


class JsonLines(logging.Formatter):
    """Formats a log record as one line of JSON, with the fields of `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: Mapping[str, object] = getattr(record, "fields", {})
        content = {"level": record.levelname.lower(), "message": record.getMessage(), **fields}
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content)


class LokiHandler(logging.Handler):
    """Passes log records to Loki."""

    def __init__(self, exporter: Exporter[LogLine]):
        super().__init__()
        self._exporter = exporter

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one on."""
        time_ns = int(record.created * 1e9)
        self._exporter.offer(LogLine(time_ns, record.levelname.lower(), self.format(record)))


def set_up_logging(loki: Iterable[Exporter[LogLine]]) -> None:
    """Log to standard output; requests go to Loki instead if it is configured.

    Pebble forwards standard output to Loki as well, so no line may take both ways.
    """
    standard_output = logging.StreamHandler(sys.stdout)
    access: list[logging.Handler] = [LokiHandler(exporter) for exporter in loki]
    for handler in [standard_output, *access]:
        handler.setFormatter(JsonLines())
    logger.setLevel(logging.INFO)
    logger.handlers = [standard_output]
    access_logger.propagate = not access
    access_logger.handlers = access
