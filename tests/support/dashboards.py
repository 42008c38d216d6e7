"""Grafana's dashboards, as far as charms of this project use them: a misspelt key is an error.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic.alias_generators import to_camel

_ROOT = Path(__file__).parents[2]
FILES = sorted(
    [
        *_ROOT.glob("charms/*/src/grafana_dashboards/*"),
        *_ROOT.glob("lib/coordinated_workers/telemetry/default_dashboards/*"),
    ]
)
"""Every dashboard that a charm sends."""

WIDTH = 24
_BUILT_IN = ("__rate_interval", "__interval", "__range")


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class DataSource(_Strict):
    """The source that a query is sent to."""

    type: Literal["prometheus", "loki"]
    uid: Literal["${prometheusds}", "${lokids}"]


class _Choice(_Strict):
    text: str
    value: str


class _Variable(_Strict):
    name: str
    label: Annotated[str, pydantic.Field(min_length=1)]
    include_all: bool
    multi: bool


class DataSourceVariable(_Variable):
    """The kind of data source to choose from."""

    type: Literal["datasource"]
    query: Literal["prometheus", "loki"]
    current: dict[str, str]


class _VariableQuery(_Strict):
    query: str
    ref_id: str


class QueryVariable(_Variable):
    """A choice of values of the series' labels."""

    type: Literal["query"]
    datasource: DataSource
    definition: str
    query: _VariableQuery
    refresh: Literal[1, 2]
    all_value: str
    current: _Choice


class _Templating(_Strict):
    list: list[Annotated[DataSourceVariable | QueryVariable, pydantic.Field(discriminator="type")]]


class _Time(_Strict):
    from_: Annotated[str, pydantic.Field(alias="from")]
    to: str


class Place(_Strict):
    """A panel's place, in 24ths of the page's width and in units of 30 pixels."""

    x: Annotated[int, pydantic.Field(ge=0, lt=WIDTH)]
    y: Annotated[int, pydantic.Field(ge=0)]
    w: Annotated[int, pydantic.Field(ge=1, le=WIDTH)]
    h: Annotated[int, pydantic.Field(ge=1)]

    @property
    def cells(self) -> set[tuple[int, int]]:
        columns, rows = range(self.x, self.x + self.w), range(self.y, self.y + self.h)
        return set(itertools.product(columns, rows))


class Query(_Strict):
    """A query of a panel."""

    ref_id: Annotated[str, pydantic.Field(pattern="^[A-Z]$")]
    datasource: DataSource
    expr: Annotated[str, pydantic.Field(min_length=1)]
    legend_format: str
    instant: bool = False
    format: Literal["time_series", "table"] = "time_series"

    @property
    def legend_labels(self) -> set[str]:
        """The labels that the legend names."""
        return set(re.findall(r"\{\{\s*(\w+)\s*}}", self.legend_format))


class _Stacking(_Strict):
    mode: Literal["none", "normal"]


class _Custom(_Strict):
    fill_opacity: int
    stacking: _Stacking


class _Defaults(_Strict):
    unit: Literal["short", "reqps", "cps", "percentunit", "s", "ms", "bytes"]
    min: float | None = None
    max: float | None = None
    custom: _Custom | None = None


class _FieldConfig(_Strict):
    defaults: _Defaults
    overrides: list[object]


class _Organize(_Strict):
    exclude_by_name: dict[str, bool]
    rename_by_name: dict[str, str]


class _Transformation(_Strict):
    id: Literal["organize"]
    options: _Organize


class Panel(_Strict):
    """One chart."""

    id: int
    type: Literal["stat", "timeseries", "table", "logs"]
    title: Annotated[str, pydantic.Field(min_length=1)]
    description: Annotated[str, pydantic.Field(min_length=1)]
    datasource: DataSource
    grid_pos: Place
    targets: Annotated[list[Query], pydantic.Field(min_length=1)]
    field_config: _FieldConfig | None = None
    interval: str | None = None
    transformations: list[_Transformation] = []


class Dashboard(_Strict):
    """A page of panels."""

    uid: Annotated[str, pydantic.Field(pattern="^[a-zA-Z0-9_-]{1,40}$")]
    title: Annotated[str, pydantic.Field(min_length=1)]
    tags: list[str]
    schema_version: Literal[39]
    editable: bool
    refresh: str
    time: _Time
    templating: _Templating
    panels: list[Panel]

    def queries(self, kind: Literal["prometheus", "loki"]) -> Mapping[str, str]:
        """All queries of a kind, by panel and letter, as Grafana would send them with all chosen."""
        found: dict[str, str] = {}
        for panel in self.panels:
            for query in panel.targets:
                if query.datasource.type == kind:
                    found[f"{self.title}: {panel.title} {query.ref_id}"] = self.filled(query.expr)
        return found

    def filled(self, expr: str) -> str:
        """Return a query with a value for each variable; an undefined one stays."""
        values: dict[str, str] = dict.fromkeys(_BUILT_IN, "5m")
        for variable in self.templating.list:
            if isinstance(variable, QueryVariable):
                values[variable.name] = variable.all_value
        return re.sub(r"\$(\w+)", lambda match: values.get(match[1], ""), expr)

    @property
    def label_queries(self) -> Mapping[str, tuple[str, str]]:
        """For each variable that is a label of some series: these, and the label."""
        found: dict[str, tuple[str, str]] = {}
        for variable in self.templating.list:
            if isinstance(variable, QueryVariable):
                match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.definition)
                assert match, variable.definition
                found[variable.name] = self.filled(match[1]), match[2]
        return found


def read(file: Path) -> Dashboard:
    """A dashboard from its file.

    Raises:
        pydantic.ValidationError: if Grafana does not accept it, or it has unknown keys.
    """
    return Dashboard.model_validate_json(file.read_text())


def all_queries(kind: Literal["prometheus", "loki"]) -> dict[str, str]:
    """All queries of a kind on all dashboards, as `Dashboard.queries` has them."""
    found: dict[str, str] = {}
    for file in FILES:
        found |= read(file).queries(kind)
    return found
