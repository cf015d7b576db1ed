"""Logs beside metrics: the same minutes, one above the other."""

from deploy.grafana.panel import HERE, WORK, Board, Look, Panel, Row, query, rate

_LINES = '{job="steadfast", environment=~"$environment", instance=~"$instance"}'

BOARD = Board(
    uid="steadfast-logs",
    title="Steadfast: logs beside metrics",
    says="What happened in the minutes in which a line bent. Needs Loki and Alloy (deploy/loki, deploy/alloy).",
    rows=(
        Row(
            title="Metrics",
            panels=(
                Panel(
                    title="Requests per second by outcome",
                    says="Mark a span of time here; the lines below follow.",
                    queries=(query(rate("steadfast_requests_total", WORK, "outcome"), "{{outcome}}"),),
                    look=Look.STACK,
                    unit="reqps",
                    width=12,
                ),
                Panel(
                    title="Lines per second by level",
                    says="Of the log.",
                    queries=(query(f"sum by (level) (count_over_time({_LINES}[$__interval]))", "{{level}}"),),
                    look=Look.LOGS,
                    width=12,
                ),
            ),
        ),
        Row(
            title="Lines",
            panels=(
                Panel(
                    title="Errors and warnings",
                    says="Every event above info.",
                    queries=(query(f'{_LINES} | json | level=~"warning|error|critical"'),),
                    look=Look.LOGS,
                    width=24,
                    height=12,
                ),
                Panel(
                    title="Slow requests",
                    says="With the reason; trace_id leads to the trace.",
                    queries=(query(f'{_LINES} | json | event="request_slow"'),),
                    look=Look.LOGS,
                    width=24,
                    height=10,
                ),
                Panel(
                    title="Open incidents",
                    says="By kind, in the same minutes.",
                    queries=(
                        query(f"sum by (kind) (steadfast_open_incidents{{{HERE}}}) or vector(0)", "{{kind}}"),
                    ),
                    look=Look.STACK,
                    width=24,
                ),
            ),
        ),
    ),
)
