"""Static files of a charm, read one by one: an invalid one is named in the log, and the others are used."""

import functools
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar, cast

import pydantic

from relation_data import InvalidYAMLError, check_text, one_line, parse_yaml, quoted, reason

logger = logging.getLogger(__name__)

_LONGEST_REASON = 200
_Content = TypeVar("_Content")
_Text = Annotated[str, pydantic.Field(min_length=1)]
# A charm may fill in a placeholder.
_DURATION = re.compile(r"0|(?=.)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?|.*%%.*", re.ASCII)


def _check_duration(value: object) -> object:
    if value is None or (type(value) in (str, int) and _DURATION.fullmatch(str(value))):
        return value
    raise ValueError("not a duration such as 5m")


def _check_scalar(value: object) -> object:
    if isinstance(value, dict | list):
        raise ValueError("neither a text nor a number")
    return value


_Duration = Annotated[object, pydantic.AfterValidator(_check_duration)]
_Scalar = Annotated[object, pydantic.AfterValidator(_check_scalar)]


@dataclass(frozen=True)
class _InvalidFile:
    reason: str


class _Rule(pydantic.BaseModel, extra="allow"):
    expr: _Text
    alert: _Text | None = None
    record: _Text | None = None
    alert_for: _Duration = pydantic.Field(None, alias="for")
    keep_firing_for: _Duration = None
    labels: dict[str, _Scalar] = {}
    annotations: dict[str, _Scalar] = {}

    @pydantic.model_validator(mode="after")
    def _check_name(self) -> "_Rule":
        if bool(self.alert) is bool(self.record):
            raise ValueError("a rule has either 'alert' or 'record'")
        return self


class _Group(pydantic.BaseModel, extra="allow"):
    name: _Text
    interval: _Duration = None
    rules: list[_Rule]


class _RuleFile(pydantic.BaseModel, extra="allow"):
    groups: list[_Group]


def contents(
    folder: Path, suffixes: tuple[str, ...], parse: Callable[[str], _Content]
) -> Iterator[tuple[Path, _Content]]:
    """Parse the files of a folder with these suffixes, in the order of their names.

    The folder need not exist, and its subfolders are not read. `parse` raises ValueError for an invalid text.
    """
    for path, found in _read_all(folder, suffixes, parse):
        if isinstance(found, _InvalidFile):
            logger.warning("ignored invalid file %s: %s", quoted(path.name), found.reason)
        else:
            yield path, found


def invalid_files(
    folder: Path, suffixes: tuple[str, ...], parse: Callable[[str], object]
) -> Iterator[tuple[str, str]]:
    """Return the name of each file that `contents` ignores, and the reason."""
    for path, found in _read_all(folder, suffixes, parse):
        if isinstance(found, _InvalidFile):
            yield quoted(path.name), found.reason


def rules(text: str) -> dict[str, object]:
    """Parse alert rules: groups of them, or one rule alone.

    Raises:
        ValueError: if it is neither, or cannot be sent as JSON.
    """
    try:
        content = parse_yaml(text)
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    except InvalidYAMLError as error:
        raise ValueError(f"{error}: line {error.line}" if error.line else str(error)) from None
    except TypeError as error:
        raise ValueError(f"not YAML of strings, numbers, lists and mappings: {error}") from None
    model = _RuleFile if isinstance(content, dict) and "groups" in content else _Rule
    model.model_validate(content)
    return cast("dict[str, object]", content)


def dashboard(text: str) -> str:
    """Check a dashboard, which is a JSON object, or a template of one.

    Raises:
        ValueError: if it is neither.
    """
    if "{{" not in text and not isinstance(json.loads(text), dict):
        raise ValueError("not a JSON object")
    text.encode()
    return text


def _read_all(
    folder: Path, suffixes: tuple[str, ...], parse: Callable[[str], _Content]
) -> "Iterator[tuple[Path, _Content | _InvalidFile]]":
    try:
        named = [path for path in folder.iterdir() if path.name.endswith(suffixes)]
        # also broken links
        files = sorted(path for path in named if path.is_file() or not path.exists())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield folder, _InvalidFile(_shown(error))
        return
    for path in files:
        try:
            check_text(path.name)
            state = path.stat()
        except (OSError, ValueError) as error:
            yield path, _InvalidFile(_shown(error))
        else:
            yield (
                path,
                cast("_Content | _InvalidFile", _read(path, parse, (state.st_mtime_ns, state.st_size))),
            )


@functools.cache
def _read(path: Path, parse: Callable[[str], object], _: tuple[int, int]) -> object:
    """Parse a file, or return why it is invalid; it is read again if its time or size differs."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return _InvalidFile(_shown(error))


def _shown(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        return reason(error)
    text = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    return one_line(text, longest=_LONGEST_REASON)
