"""Metrics pushed by remote write: both sides of `prometheus_remote_write`.

A charm that has metrics to push::

    urls = prometheus_remote_write.push_urls(self, relation_name="send-remote-write")
"""

import ops

from . import _push


def push_urls(charm: ops.CharmBase, *, relation_name: str = "send-remote-write") -> list[str]:
    """Return the URLs that metrics can be pushed to, one for each unit of a backend, each URL once."""
    return list(dict.fromkeys(url for _, url in _push.urls(charm, relation_name, "remote_write")))


def offer(charm: ops.CharmBase, url: str, *, relation_name: str = "receive-remote-write") -> None:
    """Publish to each related charm that this unit takes metrics at `url`, for a backend."""
    _push.offer(charm, relation_name, "remote_write", url)
