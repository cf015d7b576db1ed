"""Makes Grafana's JSON of boards as plain data, with grafana-foundation-sdk."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Final

with warnings.catch_warnings():
    # Its second schema is for Grafana 12 and newer alone; this one is read by all since 8.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        bargauge,
        common,
        dashboard,
        logs,
        loki,
        prometheus,
        stat,
        statetimeline,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models import prometheus as prometheus_models

from deploy.grafana.panel import HERE, Board, Look, Panel, Query, Row

PROMETHEUS: Final = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
LOKI: Final = common_models.DataSourceRef(type_val="loki", uid="${logs}")
_WIDTH: Final = 24

_VARIABLES: Final = {
    "environment": "label_values(steadfast_build_info, environment)",
    "instance": 'label_values(steadfast_build_info{environment=~"$environment"}, instance)',
    "task": f"label_values(steadfast_task_ready{{{HERE}}}, task)",
    "engine": f"label_values(steadfast_requests_total{{{HERE}}}, engine)",
}


def json_of(board: Board) -> str:
    """The dashboard as Grafana imports it."""
    made = dashboard.Dashboard(board.title).uid(board.uid).description(board.says).tags(list(board.tags))
    made.refresh(board.refresh).time(board.since, "now").timezone("browser").readonly().tooltip(
        models.DashboardCursorSync.CROSSHAIR
    )
    for variable in _data_sources(board):
        made.with_variable(variable)
    for name in board.variables:
        made.with_variable(_variable(name))
    made.link(_other_boards())
    for annotation in _annotations():
        made.annotation(annotation)
    top = 0
    for row in board.rows:
        made.with_row(dashboard.Row(row.title).grid_pos(models.GridPos(h=1, w=_WIDTH, x=0, y=top)))
        top = _place(made, board, row, top + 1)
    return str(JSONEncoder(sort_keys=True, indent=2).encode(made.build())) + "\n"


# --- around the panels ----------------------------------------------------------------------------------


def _data_sources(board: Board) -> Iterable[Any]:
    yield dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    if any(panel.look is Look.LOGS for row in board.rows for panel in row.panels):
        yield dashboard.DatasourceVariable("logs").label("Loki").type("loki")


def _variable(name: str) -> Any:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(PROMETHEUS)
        .query({"query": _VARIABLES[name], "refId": name})
        .definition(_VARIABLES[name])
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _other_boards() -> Any:
    return (
        dashboard.DashboardLink("Steadfast")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["steadfast"])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )


def _annotations() -> Iterable[Any]:
    yield (
        dashboard.AnnotationQuery()
        .name("Incidents")
        .datasource(PROMETHEUS)
        .enable(True)
        .icon_color("red")
        .expr(f"sum by (instance, kind, severity) (steadfast_open_incidents{{{HERE}}}) > 0")
        .title_format("{{kind}}")
        .text_format("{{severity}} at {{instance}}")
        .step("30s")
    )
    yield (
        dashboard.AnnotationQuery()
        .name("Starts and releases")
        .datasource(PROMETHEUS)
        .enable(True)
        .icon_color("blue")
        .expr(
            f"steadfast_build_info{{{HERE}}} * on (environment, instance) group_left () "
            f"(steadfast_start_time_seconds{{{HERE}}} * 1000)"
        )
        .title_format("{{version}}")
        .text_format("{{instance}} was started")
        .use_value_for_time(True)
        .step("60s")
    )


# --- panels ---------------------------------------------------------------------------------------------


def _place(made: Any, board: Board, row: Row, top: int) -> int:
    """Puts the panels of a row from left to right; answers where the next row begins."""
    left = tallest = 0
    for panel in row.panels:
        if left + panel.width > _WIDTH:
            left, top, tallest = 0, top + tallest, 0
        position = models.GridPos(h=panel.height, w=panel.width, x=left, y=top)
        made.with_panel(_panel(panel, board).grid_pos(position))
        left, tallest = left + panel.width, max(tallest, panel.height)
    return top + tallest


def _panel(panel: Panel, board: Board) -> Any:
    made = _LOOKS[panel.look](panel)
    made.title(panel.title).description(panel.says)
    if panel.look is Look.LOGS:
        made.datasource(LOKI)
        for target in panel.queries:
            made.with_target(loki.Dataquery().expr(target.expr).legend_format(target.legend))
        return made
    made.datasource(PROMETHEUS).unit(panel.unit)
    for letter, target in zip("ABCDEFGH", panel.queries, strict=False):
        made.with_target(_target(panel, target, letter))
    if panel.steps:
        made.thresholds(_thresholds(panel))
    if panel.names:
        made.mappings([_names(panel)])
    return made.links(_ways_on(board))


def _target(panel: Panel, target: Query, letter: str) -> Any:
    made = prometheus.Dataquery().ref_id(letter).expr(target.expr).legend_format(target.legend or "__auto")
    made.datasource(PROMETHEUS)
    if panel.look in (Look.NUMBER, Look.BARS, Look.TABLE):
        made.instant()
    if panel.look is Look.TABLE:
        made.format(prometheus_models.PromQueryFormat.TABLE)
    if "steadfast_request_duration_seconds_bucket" in target.expr:
        made.exemplar(True)
    return made


def _thresholds(panel: Panel) -> Any:
    steps = [models.Threshold(value=value, color=colour) for value, colour in panel.steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _names(panel: Panel) -> Any:
    return models.ValueMap(
        options={
            f"{value:g}": models.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, text, colour) in enumerate(panel.names)
        }
    )


def _ways_on(board: Board) -> list[Any]:
    """From a panel to the log and the traces of the same minutes, and of what is chosen."""
    chosen = "&".join(
        f"${{{name}:queryparam}}" for name in ("environment", "instance") if name in board.variables
    )
    return [
        dashboard.DashboardLink("Logs of these minutes")
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/steadfast-logs?${{__url_time_range}}&{chosen}"),
        dashboard.DashboardLink("Traces of these minutes")
        .type(models.DashboardLinkType.LINK)
        .url(
            '/explore?left={"datasource":"tempo","queries":[{"refId":"A","queryType":"traceql",'
            '"query":"{ resource.service.name = \\"steadfast\\" }"}],'
            '"range":{"from":"${__from}","to":"${__to}"}}'
        ),
    ]


def _lines(panel: Panel) -> Any:
    made = timeseries.Panel().fill_opacity(8).line_width(1).show_points(common_models.VisibilityMode.NEVER)
    made.legend(
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    made.tooltip(
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    if panel.least is not None:
        made.axis_soft_min(panel.least)
    if panel.steps:
        made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED_AND_AREA)
        )
    return made


def _stack(panel: Panel) -> Any:
    made = _lines(panel).fill_opacity(30)
    return made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))


def _number(_: Panel) -> Any:
    made = stat.Panel().color_mode(common_models.BigValueColorMode.BACKGROUND_SOLID)
    made.graph_mode(common_models.BigValueGraphMode.AREA)
    return made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).no_value("–")


def _lights(_: Panel) -> Any:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common_models.VisibilityMode.NEVER)
        .row_height(0.8)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    )


_LOOKS: Final[dict[Look, Callable[[Panel], Any]]] = {
    Look.LINES: _lines,
    Look.STACK: _stack,
    Look.NUMBER: _number,
    Look.LIGHTS: _lights,
    Look.BARS: lambda _: bargauge.Panel(),
    Look.TABLE: lambda _: table.Panel(),
    Look.LOGS: lambda _: logs.Panel().show_time(True).wrap_log_message(True).enable_log_details(True),
}
