"""Databags, read and written so that an invalid one affects no other, and the text of statuses.

A databag is invalid if its content cannot be parsed, and also if Juju does not return it: Juju may have
removed a relation that the charm still has, and then commands on it fail. Only this package therefore reads
`relation.data`::

    try:
        databag = relation_data.read(relation, relation.app)
    except relation_data.DatabagError as error:
        ...  # str(error) is one line for a status
"""

from ._databag import DatabagError, read, read_remote, write
from ._reason import reason
from ._status import LONGEST_STATUS, Message, in_short
from ._text import check_text, in_quotes, one_line, quoted, shown_name
from ._yaml import InvalidYAMLError, parse_yaml

__all__ = [
    "LONGEST_STATUS",
    "DatabagError",
    "InvalidYAMLError",
    "Message",
    "check_text",
    "in_quotes",
    "in_short",
    "one_line",
    "parse_yaml",
    "quoted",
    "read",
    "read_remote",
    "reason",
    "shown_name",
    "write",
]
