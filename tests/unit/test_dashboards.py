"""Every dashboard that a charm sends: Grafana shows it completely."""

import itertools
import re
from pathlib import Path

import pytest

from tests.support import dashboards, logql, promtool
from tests.support.dashboards import Dashboard, QueryVariable


@pytest.fixture(params=dashboards.FILES, ids=lambda file: file.stem)
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    """The dashboards, each parsed and so of a form that Grafana accepts."""
    file: Path = request.param
    return dashboards.read(file)


def test_dashboards_of_waypoint_nginx_and_workers():
    titles = {dashboards.read(file).title for file in dashboards.FILES}
    assert titles == {"Waypoint", "Coordinator's nginx", "Workers", "Key-value service"}


def test_no_two_are_kept_under_one_name():
    uids = [dashboards.read(file).uid for file in dashboards.FILES]
    assert len(set(uids)) == len(uids)


def test_no_panel_covers_another_or_sticks_out(dashboard: Dashboard):
    for one, other in itertools.combinations(dashboard.panels, 2):
        assert not one.grid_pos.cells & other.grid_pos.cells, (one.title, other.title)
    assert all(panel.grid_pos.x + panel.grid_pos.w <= dashboards.WIDTH for panel in dashboard.panels)
    assert len({panel.id for panel in dashboard.panels}) == len(dashboard.panels)


def test_each_query_goes_to_source_that_can_be_chosen(dashboard: Dashboard):
    kinds = {
        f"${{{variable.name}}}": variable.query
        for variable in dashboard.templating.list
        if variable.type == "datasource"
    }
    for panel in dashboard.panels:
        for query in panel.targets:
            assert query.datasource == panel.datasource
            assert kinds[query.datasource.uid] == query.datasource.type


def test_queries_use_chosen_models_and_known_variables(dashboard: Dashboard):
    chosen = [v.name for v in dashboard.templating.list if isinstance(v, QueryVariable)]
    assert chosen == ["juju_model", "juju_application"]
    for panel in dashboard.panels:
        for query in panel.targets:
            names = set(re.findall(r"\$(\w+)", query.expr))
            assert "juju_model" in names, panel.title
            assert names <= {*chosen, "__rate_interval", "__interval"}, panel.title


def test_legend_names_only_labels_that_query_leaves(dashboard: Dashboard):
    for panel in dashboard.panels:
        for query in panel.targets:
            if grouped := re.search(r"^sum by \(([^)]*)\)|by \((\w+)\)$", query.expr):
                left = re.split(r", *", grouped[1] or grouped[2])
                assert query.legend_labels <= set(left), panel.title


@promtool.needed
def test_prometheus_can_read_each_query(dashboard: Dashboard):
    labels = {
        name: f"count by ({label}) ({series})" for name, (series, label) in dashboard.label_queries.items()
    }
    assert promtool.complaint_about_queries({**dashboard.queries("prometheus"), **labels}) == ""


def test_each_query_of_logs_can_be_read(dashboard: Dashboard):
    for query in dashboard.queries("loki").values():
        logql.parse(query)


@pytest.mark.parametrize(
    "text",
    [
        '{app="a"',
        "sum(rate({} [5m]))",
        'rate({app="a"}',
        'sum(rate({app="a"}))',
        '{app="a"} | regexp `(.*)`',
        '{app="a"} | regexp `(?P<b>[`',
        '{app=~".*", other!="a"}',
    ],
)
def test_what_is_no_query_of_logs_is_not_read(text: str):
    with pytest.raises(logql.LogQLError):
        logql.parse(text)
