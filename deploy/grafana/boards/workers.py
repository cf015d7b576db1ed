"""Models and workers: who lives, who died of what, what a load costs, what was given up."""

from deploy.grafana.panel import (
    BLUE,
    GREEN,
    GREY,
    HERE,
    ORANGE,
    RED,
    TASK,
    YELLOW,
    Board,
    Look,
    Panel,
    Row,
    quantile,
    query,
    rate,
)

WORKERS = Row(
    title="Workers",
    panels=(
        Panel(
            title="Workers by state",
            says="ready and busy are well; starting and loading for long are not.",
            queries=(query(f"sum by (state) (steadfast_workers{{{TASK}}})", "{{state}}"),),
            look=Look.STACK,
        ),
        Panel(
            title="Able, wanted, spare",
            says="Able below wanted: places stand empty.",
            queries=(
                query(f"sum by (task) (steadfast_task_able_workers{{{TASK}}})", "{{task}} able"),
                query(f"sum by (task) (steadfast_task_wanted_workers{{{TASK}}})", "{{task}} wanted"),
                query(f"sum by (task) (steadfast_task_spares_ready{{{TASK}}})", "{{task}} spares"),
            ),
        ),
        Panel(
            title="Breaker",
            says="Open: workers die before they serve, so the task is paused.",
            queries=(
                query(
                    f'max by (instance, task) (steadfast_breaker_state{{{TASK}, state="open"}} * 2 + '
                    f'ignoring (state) steadfast_breaker_state{{{TASK}, state="half_open"}})',
                    "{{instance}} {{task}}",
                ),
            ),
            look=Look.LIGHTS,
            names=((0, "closed", GREEN), (1, "trying", YELLOW), (2, "OPEN", RED)),
        ),
        Panel(
            title="Deaths",
            says="Per minute, by cause; wanted ones are replacements and stops.",
            queries=(
                query(
                    f"60 * {rate('steadfast_worker_deaths_total', TASK, 'cause, wanted')}",
                    "{{cause}}, wanted {{wanted}}",
                ),
            ),
        ),
        Panel(
            title="Takeovers",
            says="For how long a place stood empty. Promised: 99 of 100 within 250 ms.",
            queries=(
                query(quantile(0.5, "steadfast_takeover_seconds", TASK, "task"), "{{task}} p50"),
                query(quantile(0.99, "steadfast_takeover_seconds", TASK, "task"), "{{task}} p99"),
            ),
            unit="s",
            steps=((None, GREEN), (0.1, YELLOW), (0.25, RED)),
        ),
        Panel(
            title="Degradation",
            says="Step of the ladder by place; 0 gives nothing up.",
            queries=(query(f"steadfast_degradation_level{{{TASK}}}", "{{instance}} {{worker}}"),),
            look=Look.LIGHTS,
            names=(
                (0, "full", GREEN),
                (1, "caches", BLUE),
                (2, "smaller", YELLOW),
                (3, "smaller", ORANGE),
                (4, "least", RED),
            ),
        ),
        Panel(
            title="Processor per worker",
            says="In cores. None while work waits: SteadfastDeadlock.",
            queries=(
                query(
                    rate("steadfast_worker_cpu_seconds_total", TASK, "instance, worker"),
                    "{{instance}} {{worker}}",
                ),
            ),
            look=Look.STACK,
        ),
        Panel(
            title="Memory per worker",
            says="Resident, without what is shared.",
            queries=(
                query(
                    f"sum by (instance, worker) (steadfast_worker_resident_memory_bytes{{{TASK}}})",
                    "{{instance}} {{worker}}",
                ),
                query(
                    f"sum by (instance) (steadfast_server_resident_memory_bytes{{{HERE}}})",
                    "{{instance}} server",
                ),
            ),
            look=Look.STACK,
            unit="bytes",
        ),
        Panel(
            title="Refused inputs and bugs",
            says="Inputs that killed their workers, and errors of a task that nobody declared, per hour.",
            queries=(
                query(
                    f"3600 * {rate('steadfast_inputs_quarantined_total', TASK, 'task')}",
                    "quarantined {{task}}",
                ),
                query(
                    f"3600 * {rate('steadfast_unexpected_errors_total', TASK, 'task')}", "unexpected {{task}}"
                ),
            ),
        ),
    ),
)

MODELS = Row(
    title="Models",
    panels=(
        Panel(
            title="Loads by reason",
            says="Per hour. More than ten that no start explains: SteadfastModelsReloading.",
            queries=(
                query(
                    f"sum by (task, why) (increase(steadfast_worker_loads_total{{{TASK}}}[1h]))",
                    "{{task}} {{why}}",
                ),
            ),
            look=Look.STACK,
        ),
        Panel(
            title="Time of a load",
            says="All that a worker needs, until its canary passes.",
            queries=(query(quantile(0.9, "steadfast_worker_load_seconds", TASK, "task"), "{{task}} p90"),),
            unit="s",
        ),
        Panel(
            title="Canaries",
            says="Inferences with a known answer, per minute.",
            queries=(query(f"60 * {rate('steadfast_canary_checks_total', TASK, 'result')}", "{{result}}"),),
        ),
        Panel(
            title="Slowness",
            says="What work takes now over what it usually takes at its size; 1 is as usual.",
            queries=(
                query(f"max by (instance) (steadfast_slowness_ratio{{{HERE}}}) or vector(1)", "{{instance}}"),
            ),
            steps=((None, GREEN), (1.5, YELLOW), (2, RED)),
        ),
        Panel(
            title="Identity similarity",
            says="Of swapped faces to their source, by engine; engines cannot be compared with each other.",
            queries=(
                query(
                    "histogram_quantile(0.5, sum by (engine, le) (rate("
                    f'steadfast_identity_similarity_bucket{{{HERE}, engine=~"$engine"}}[$__rate_interval])))',
                    "{{engine}} median",
                ),
                query(
                    "histogram_quantile(0.05, sum by (engine, le) (rate("
                    f'steadfast_identity_similarity_bucket{{{HERE}, engine=~"$engine"}}[$__rate_interval])))',
                    "{{engine}} worst 5 %",
                ),
            ),
            unit="percentunit",
        ),
        Panel(
            title="Steps on the ladder",
            says="Down when memory runs out, up again after a quiet time; per hour.",
            queries=(
                query(
                    f"3600 * {rate('steadfast_degradation_steps_total', TASK, 'direction')}", "{{direction}}"
                ),
            ),
            steps=((None, GREY),),
        ),
    ),
)

BOARD = Board(
    uid="steadfast-workers",
    title="Steadfast: models and workers",
    says="Who lives, who died of what, and what it cost.",
    rows=(WORKERS, MODELS),
)
