"""The data exchanged with observability charms, one module an interface."""

from ._hosts import authority, is_host_name
from ._secrets import check_secret_id
from ._urls import check_authority_or_url, check_url

__all__ = ["authority", "check_authority_or_url", "check_secret_id", "check_url", "is_host_name"]
