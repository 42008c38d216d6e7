"""The data exchanged with observability charms, one module for each interface."""

from ._hosts import authority, is_host_name, is_ip
from ._secrets import check_secret_id, stored_secret
from ._urls import Address, Url, check_authority_or_url, check_url

__all__ = [
    "Address",
    "Url",
    "authority",
    "check_authority_or_url",
    "check_secret_id",
    "check_url",
    "is_host_name",
    "is_ip",
    "stored_secret",
]
