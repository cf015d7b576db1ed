"""Instances side by side: who gets what, who is slow, who is not ready."""

from deploy.grafana.panel import (
    DONE,
    GREEN,
    HERE,
    RED,
    TASK,
    WORK,
    YELLOW,
    Board,
    Look,
    Panel,
    Row,
    quantile,
    query,
    rate,
)

_SHARE = rate("steadfast_requests_total", WORK, "environment, instance")

LOAD = Row(
    title="Load",
    panels=(
        Panel(
            title="Requests per second",
            says="Lines that drift apart: the balancer, or who is not ready.",
            queries=(query(_SHARE, "{{instance}}"),),
            unit="reqps",
            width=12,
        ),
        Panel(
            title="Share of the load",
            says="Part of all requests that an instance gets.",
            queries=(
                query(
                    f"{_SHARE} / ignoring (instance) group_left () sum by (environment) ({_SHARE})",
                    "{{instance}}",
                ),
            ),
            look=Look.STACK,
            unit="percentunit",
            width=8,
        ),
        Panel(
            title="Imbalance",
            says="The most loaded over the least loaded; SteadfastInstancesUnbalanced fires at 3.",
            queries=(
                query(
                    f"max by (environment) ({_SHARE}) / min by (environment) ({_SHARE})", "{{environment}}"
                ),
            ),
            look=Look.NUMBER,
            steps=((None, GREEN), (2, YELLOW), (3, RED)),
            width=4,
        ),
        Panel(
            title="Latency, 90 of 100",
            says="Slowest tenth of the answers, by instance.",
            queries=(
                query(quantile(0.9, "steadfast_request_duration_seconds", DONE, "instance"), "{{instance}}"),
            ),
            unit="s",
            steps=((None, GREEN), (0.8, YELLOW), (3, RED)),
            width=12,
        ),
        Panel(
            title="Failures of ours",
            says="Part of the requests that were shed, late or failed.",
            queries=(
                query(
                    f'sum by (instance) (rate(steadfast_requests_total{{{TASK}, outcome=~"shed|timeout|error"}}'
                    f"[$__rate_interval])) / sum by (instance) (rate(steadfast_requests_total{{{TASK}}}"
                    "[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.001, YELLOW), (0.01, RED)),
            width=12,
        ),
    ),
)

STATE = Row(
    title="State",
    panels=(
        Panel(
            title="Ready",
            says="By instance and task, over time.",
            queries=(query(f"steadfast_task_ready{{{TASK}}}", "{{instance}} {{task}}"),),
            look=Look.LIGHTS,
            names=((0, "not ready", RED), (1, "ready", GREEN)),
            width=12,
        ),
        Panel(
            title="What runs here",
            says="Version and start of each instance.",
            queries=(
                query(
                    f"steadfast_build_info{{{HERE}}} * on (environment, instance) group_left () "
                    f"(steadfast_start_time_seconds{{{HERE}}} * 1000)",
                    "{{instance}}",
                ),
            ),
            look=Look.TABLE,
            unit="dateTimeFromNow",
            width=12,
        ),
        Panel(
            title="Work inside and limit",
            says="Requests that were let in, and how many may be.",
            queries=(
                query(f"sum by (instance) (steadfast_requests_inside{{{TASK}}})", "{{instance}} inside"),
                query(f"sum by (instance) (steadfast_concurrency_limit{{{TASK}}})", "{{instance}} limit"),
            ),
        ),
        Panel(
            title="Event loop",
            says="How late the server's loop came to what was due. Above 250 ms it cannot refuse in time.",
            queries=(
                query(f"max by (instance) (steadfast_event_loop_lag_seconds{{{HERE}}})", "{{instance}}"),
            ),
            unit="s",
            steps=((None, GREEN), (0.25, YELLOW), (1, RED)),
        ),
        Panel(
            title="Server process",
            says="Processor and memory of the server itself, which never touches a pixel.",
            queries=(
                query(
                    f"sum by (instance) (rate(steadfast_server_cpu_seconds_total{{{HERE}}}[$__rate_interval]))",
                    "{{instance}} cores",
                ),
            ),
        ),
    ),
)

BOARD = Board(
    uid="steadfast-instances",
    title="Steadfast: instances side by side",
    says="Load imbalance, and what differs between instances.",
    rows=(LOAD, STATE),
)
