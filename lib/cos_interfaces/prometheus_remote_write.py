"""Metrics pushed by remote write: both sides of `prometheus_remote_write`.

A charm that has metrics to push::

    urls = prometheus_remote_write.push_urls(self, relation_name="send-remote-write")
"""

import json

import ops
import pydantic

import relation_data

from ._databag import read, relations, units
from ._urls import Url


class _RemoteWrite(pydantic.BaseModel):
    url: Url


_REMOTE_WRITE = pydantic.TypeAdapter(_RemoteWrite)


def push_urls(charm: ops.CharmBase, *, relation_name: str = "send-remote-write") -> list[str]:
    """Return the URLs that metrics can be pushed to: one a unit of each related backend, each URL once."""
    urls: dict[str, None] = {}
    for relation in relations(charm, relation_name):
        for unit in units(relation):
            if data := read(relation, unit, "remote_write", _REMOTE_WRITE):
                urls[data.url] = None
    return list(urls)


def offer(charm: ops.CharmBase, url: str, *, relation_name: str = "receive-remote-write") -> None:
    """Publish to each related charm that this unit takes metrics at `url`, for a backend."""
    for relation in relations(charm, relation_name):
        relation_data.write(relation, charm.unit, {"remote_write": json.dumps({"url": url})})
