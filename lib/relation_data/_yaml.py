"""Parsing of YAML that others wrote, with limits on time and memory."""

import yaml

_LONGEST_TEXT = 1_000_000
_MOST_NODES = 50_000
_LONGEST_NUMBER = 1_000


class InvalidYAMLError(ValueError):
    """A text that is not YAML, or exceeds a limit; the message has nothing of the text."""

    def __init__(self, message: str, line: int | None = None):
        super().__init__(message)
        self.line = line
        """The line of the text at which it is invalid, if that is known."""


class _TooMuchError(Exception):
    """A limit was exceeded; the message names it."""


class _Loader(yaml.SafeLoader):
    """A YAML loader with limits.

    PyYAML's fast parser is not for text of others: deep nesting makes it crash.
    """

    def __init__(self, text: str):
        super().__init__(text)
        self._nodes = 0
        self._nodes_within: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read a node, and count those within as often as they are referenced: merges copy them."""
        before, is_alias = self._nodes, isinstance(self.peek_event(), yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if node is None:
            return None
        if is_alias and node not in self._nodes_within:
            raise _TooMuchError("an alias within its own value")
        self._nodes += self._nodes_within[node] if is_alias else 1
        if self._nodes > _MOST_NODES:
            raise _TooMuchError(f"more than {_MOST_NODES} values")
        self._nodes_within.setdefault(node, self._nodes - before)
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read a number that Python can also write."""
        if len(node.value) > _LONGEST_NUMBER:
            raise _TooMuchError(f"a number of more than {_LONGEST_NUMBER} characters")
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def parse_yaml(text: str) -> object:
    """Return the value of a text in YAML; None if the text is empty.

    Raises:
        InvalidYAMLError: if the text is invalid, or exceeds a limit.
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidYAMLError(f"more than {_LONGEST_TEXT} characters")
    try:
        return _Loader(text).get_single_data()
    except _TooMuchError as error:
        raise InvalidYAMLError(str(error)) from None
    except (
        Exception
    ) as error:  # of any type: PyYAML does not catch errors of converting texts to numbers and dates
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        raise InvalidYAMLError("not YAML", mark.line + 1 if mark else None) from None
