"""Containers, as cAdvisor sees them."""

from deploy.grafana.panel import GREEN, RED, YELLOW, Board, Look, Panel, Row, query

_OURS = 'environment=~"$environment", name=~".*steadfast.*"'

BOARD = Board(
    uid="steadfast-containers",
    title="Steadfast: containers",
    says="What the container runtime gives and takes; needs cAdvisor.",
    variables=("environment",),
    rows=(
        Row(
            title="Containers",
            panels=(
                Panel(
                    title="Processor",
                    says="In cores.",
                    queries=(
                        query(
                            f"sum by (name) (rate(container_cpu_usage_seconds_total{{{_OURS}}}[$__rate_interval]))",
                            "{{name}}",
                        ),
                    ),
                    look=Look.STACK,
                ),
                Panel(
                    title="Throttled",
                    says="Seconds per second in which the container might not run: its limit is too low.",
                    queries=(
                        query(
                            f"sum by (name) (rate(container_cpu_cfs_throttled_seconds_total{{{_OURS}}}[$__rate_interval]))",
                            "{{name}}",
                        ),
                    ),
                    steps=((None, GREEN), (0.1, YELLOW), (1, RED)),
                ),
                Panel(
                    title="Memory against its limit",
                    says="Working set; at 1 the kernel kills.",
                    queries=(
                        query(
                            f"max by (name) (container_memory_working_set_bytes{{{_OURS}}}) / "
                            f"max by (name) (container_spec_memory_limit_bytes{{{_OURS}}} > 0)",
                            "{{name}}",
                        ),
                    ),
                    unit="percentunit",
                    steps=((None, GREEN), (0.8, YELLOW), (0.95, RED)),
                ),
                Panel(
                    title="Killed for memory",
                    says="Per hour.",
                    queries=(
                        query(
                            f"sum by (name) (increase(container_oom_events_total{{{_OURS}}}[1h]))", "{{name}}"
                        ),
                    ),
                    steps=((None, GREEN), (1, RED)),
                ),
                Panel(
                    title="Network",
                    says="Bytes per second.",
                    queries=(
                        query(
                            f"sum by (name) (rate(container_network_receive_bytes_total{{{_OURS}}}[$__rate_interval]))",
                            "in {{name}}",
                        ),
                        query(
                            f"sum by (name) (rate(container_network_transmit_bytes_total{{{_OURS}}}[$__rate_interval]))",
                            "out {{name}}",
                        ),
                    ),
                    unit="Bps",
                ),
                Panel(
                    title="Disk",
                    says="Bytes in the container's own layer; the data folder is a volume.",
                    queries=(query(f"sum by (name) (container_fs_usage_bytes{{{_OURS}}})", "{{name}}"),),
                    unit="bytes",
                ),
            ),
        ),
    ),
)
