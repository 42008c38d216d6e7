"""LogQL as far as dashboards and rules of this project use it, since tests have no Loki.

Anything unknown in a query is an error. What Loki does with a query is
https://grafana.com/docs/loki/latest/query/; its regular expressions (RE2) that are used here mean the same in
Python.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

Labels = dict[str, str]

_TEXT = r'(?:"(?:[^"\\]|\\.)*"|`[^`]*`)'
_RANGE = re.compile(r"\s*\[\d+[smh]\]\s*")
_SELECTOR = re.compile(
    rf"\{{\s*(\w+\s*(?:=~|!=|!~|=)\s*{_TEXT}(?:\s*,\s*\w+\s*(?:=~|!=|!~|=)\s*{_TEXT})*)\s*}}"
)
_MATCHER = re.compile(rf"\s*(\w+)\s*(=~|!=|!~|=)\s*({_TEXT})\s*,?")
_LINE_FILTER = re.compile(rf"\s*(\|=|\|~|!=|!~)\s*({_TEXT})")
_STAGE = re.compile(
    rf"\s*\|\s*(?:(json)\b|(regexp)\s+({_TEXT})|(unwrap)\s+(\w+)|(\w+)\s*(=~|!=|!~|=)\s*({_TEXT}))"
)
_METRIC = (
    re.compile(r"sum(?: by \((?P<by>[^)]*)\))? ?\( ?(?:rate|count_over_time)\((?P<inner>.*)\)\)(?: > \d+)?"),
    re.compile(r"quantile_over_time\([\d.]+, (?P<inner>.*)\) by \((?P<by>[^)]*)\)"),
)


class LogQLError(Exception):
    """The text is not LogQL, or not supported here; with the part that cannot be parsed."""


@dataclass(frozen=True)
class Query:
    """A query of lines, or of a metric from them."""

    labels: tuple[tuple[str, str, str], ...]
    stages: tuple[Callable[[str, Labels], bool], ...]
    by: tuple[str, ...] | None
    """By what a metric is grouped; None: the lines themselves are asked for."""

    def results(self, stream: Mapping[str, str], lines: Iterable[str]) -> list[Labels]:
        """Return the labels of the results in a stream: of each line, or of each group of a metric."""
        if not all(_holds(stream.get(name, ""), how, text) for name, how, text in self.labels):
            return []
        found = list(self._kept(stream, lines))
        if self.by is None:
            return found
        groups = {tuple((name, labels[name]) for name in self.by if labels.get(name)) for labels in found}
        return [dict(group) for group in sorted(groups)]

    def _kept(self, stream: Mapping[str, str], lines: Iterable[str]) -> Iterator[Labels]:
        for line in lines:
            labels = dict(stream)
            if all(stage(line, labels) for stage in self.stages):
                yield labels


def parse(text: str) -> Query:
    """Read a query.

    Raises:
        LogQLError: if it cannot be parsed.
    """
    text = " ".join(text.split("\n"))
    for metric in _METRIC:
        if match := metric.fullmatch(text.strip()):
            by = tuple(name.strip() for name in (match["by"] or "").split(",") if name.strip())
            labels, stages = _log_query(match["inner"], needs_range=True)
            return Query(labels, stages, by)
    return Query(*_log_query(text, needs_range=False), None)


def _log_query(
    text: str, *, needs_range: bool
) -> tuple[tuple[tuple[str, str, str], ...], tuple[Callable[[str, Labels], bool], ...]]:
    match = _SELECTOR.match(text)
    if not match:
        raise LogQLError(text)
    labels = tuple((name, how, _unquoted(value)) for name, how, value in _MATCHER.findall(match[1]))
    if not any(how in ("=", "=~") and not _holds("", how, text) for _, how, text in labels):
        raise LogQLError(f"all streams there are may be meant by {match[0]}, which Loki refuses")
    stages: list[Callable[[str, Labels], bool]] = []
    at = match.end()
    while at < len(text):
        if found := _LINE_FILTER.match(text, at):
            stages.append(_line_filter(found[1], _unquoted(found[2])))
        elif found := _STAGE.match(text, at):
            stages.append(_stage(found))
        elif needs_range and _RANGE.fullmatch(text, at):
            return labels, tuple(stages)
        else:
            raise LogQLError(text[at:])
        at = found.end()
    if needs_range:
        raise LogQLError(f"no range after {text}")
    return labels, tuple(stages)


def _line_filter(how: str, text: str) -> Callable[[str, Labels], bool]:
    if how == "|=":
        return lambda line, _: text in line
    if how == "!=":
        return lambda line, _: text not in line
    pattern = _compiled(text)
    return lambda line, _: (pattern.search(line) is not None) == (how == "|~")


def _stage(match: re.Match[str]) -> Callable[[str, Labels], bool]:
    is_json, is_regexp, expression, is_unwrap, unwrapped, name, how, value = match.groups()
    if is_json:
        return _read_json
    if is_regexp:
        pattern = _compiled(_unquoted(expression))
        if not pattern.groupindex:
            raise LogQLError(f"a regexp without a name: {expression}")
        return lambda line, labels: _read(pattern, line, labels)
    if is_unwrap:
        return lambda _, labels: _is_number(labels.get(unwrapped, ""))
    wanted = _unquoted(value)
    return lambda _, labels: _holds(labels.get(name, ""), how, wanted)


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise LogQLError(f"{expression}: {error}") from None


def _read(pattern: re.Pattern[str], line: str, labels: Labels) -> bool:
    if match := pattern.search(line):
        labels.update(match.groupdict(""))
    return True


def _read_json(line: str, labels: Labels) -> bool:
    try:
        content = json.loads(line)
    except ValueError:
        labels["__error__"] = "JSONParserErr"
    else:
        labels.update({key: str(value) for key, value in content.items()})
    return True


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\d.]+", text) is not None


def _holds(value: str, how: str, text: str) -> bool:
    """Return whether a label matches; regular expressions have to match the whole of it."""
    if how in ("=", "!="):
        return (value == text) == (how == "=")
    return (re.fullmatch(text, value) is not None) == (how == "=~")


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("`") else json.loads(text)
