"""Reading and writing of databags such that an invalid one affects no other.

A databag is invalid if its content cannot be parsed, and also if Juju does not return it: a relation may be
gone for Juju and not yet for the charm, and then commands on it fail. Only this package therefore reads
`relation.data`::

    try:
        databag = relation_data.read(relation, relation.app)
    except relation_data.DatabagError as error:
        ...  # str(error) is one line for a status
"""

from ._databag import DatabagError, read, read_remote, write
from ._reason import reason
from ._text import check_text, one_line, quoted, shown_name

__all__ = [
    "DatabagError",
    "check_text",
    "one_line",
    "quoted",
    "read",
    "read_remote",
    "reason",
    "shown_name",
    "write",
]
