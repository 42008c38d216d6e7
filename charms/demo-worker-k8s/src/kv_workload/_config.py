"""The configuration of a process, and its identity."""

import json
import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

Labels = Mapping[str, str]


class ConfigError(Exception):
    """An invalid configuration; the message names the file and the reason."""


@dataclass(frozen=True)
class Tls:
    """The PEM files of this process as a TLS server and as a client of its peers."""

    cert: str
    key: str
    ca: str


@dataclass(frozen=True)
class Telemetry:
    """The URLs that telemetry is sent to."""

    loki: Sequence[str] = ()
    remote_write: Sequence[str] = ()
    otlp_http: str | None = None
    flush_seconds: float = 1
    """Seconds for which logs and spans are gathered before they are sent."""
    sample_seconds: float = 15
    """Seconds between two snapshots of the metrics."""


@dataclass(frozen=True)
class Config:
    """The configuration that the coordinator writes for every process."""

    port: int
    stores: Sequence[str]
    tls: Tls | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)

    @classmethod
    def load(cls, path: Path) -> "Config":
        """Read a configuration.

        Raises:
            ConfigError: if the file cannot be read or is not a valid configuration.
        """
        try:
            content = json.loads(path.read_text())
            tls = content.get("tls")
            config = cls(
                port=int(content["port"]),
                stores=content["stores"],
                tls=Tls(**_known(Tls, tls)) if tls else None,
                telemetry=Telemetry(**_known(Telemetry, content.get("telemetry", {}))),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
        if not 0 < config.port < 65536:
            raise ConfigError(f"{path}: {config.port} is not a port")
        for url in config.urls():
            if not _is_http_url(url):
                raise ConfigError(f"{path}: {url!r} is not an HTTP URL")
        return config

    def urls(self) -> Iterator[str]:
        """Return every URL of the configuration."""
        yield from self.stores
        yield from self.telemetry.loki
        yield from self.telemetry.remote_write
        if self.telemetry.otlp_http:
            yield self.telemetry.otlp_http


def _is_http_url(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its port or address is invalid
        return False


def _known(model: type[Tls] | type[Telemetry], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that this version knows; a later coordinator may send more."""
    return {known.name: content[known.name] for known in fields(model) if known.name in content}


def identity() -> dict[str, str]:
    """Return the Juju identity of this process: the labels of all its telemetry."""
    names = ("JUJU_MODEL", "JUJU_MODEL_UUID", "JUJU_APPLICATION", "JUJU_UNIT", "JUJU_CHARM")
    return {name.lower(): os.environ[name] for name in names if name in os.environ}
