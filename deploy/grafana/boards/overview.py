"""The one to hang on a wall: is it well, how much is done, how fast, what waits."""

from deploy.grafana.panel import (
    DONE,
    GREEN,
    HERE,
    ORANGE,
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

_LATENCY = "steadfast_request_duration_seconds"
_UNWANTED = f'{TASK}, wanted="false"'
_LATENCY_STEPS = ((None, GREEN), (0.8, YELLOW), (3.0, RED))

HEALTH = Row(
    title="Health",
    panels=(
        Panel(
            title="Instances that answer",
            says="Instances that Prometheus reaches. Fewer than there are: see SteadfastNoData.",
            queries=(query(f'sum(up{{job="steadfast", {HERE}}})', "up"),),
            look=Look.NUMBER,
            steps=((None, RED), (1, GREEN)),
            width=3,
            height=5,
        ),
        Panel(
            title="Ready",
            says="1: a request sent now would be answered. Judged by finished work, not by a process that lives.",
            queries=(query(f"min by (task) (steadfast_task_ready{{{TASK}}})", "{{task}}"),),
            look=Look.NUMBER,
            names=((0, "NOT READY", RED), (1, "ready", GREEN)),
            width=5,
            height=5,
        ),
        Panel(
            title="Open incidents",
            says="Troubles that last, as the service itself sees them.",
            queries=(query(f"sum(steadfast_open_incidents{{{HERE}}}) or vector(0)", "open"),),
            look=Look.NUMBER,
            steps=((None, GREEN), (1, YELLOW), (3, RED)),
            width=3,
            height=5,
        ),
        Panel(
            title="Degradation",
            says="Highest step of the ladder at which a worker stands; 0 gives nothing up.",
            queries=(query(f"max(steadfast_degradation_level{{{TASK}}})", "level"),),
            look=Look.NUMBER,
            steps=((None, GREEN), (1, YELLOW), (3, ORANGE)),
            width=3,
            height=5,
        ),
        Panel(
            title="Availability, last hour",
            says="Answered, of the requests that are not the caller's fault. Promised: 99.9 %.",
            queries=(
                query(
                    f'1 - (sum(rate(steadfast_requests_total{{{TASK}, outcome=~"shed|timeout|error"}}[1h])) / '
                    f'sum(rate(steadfast_requests_total{{{TASK}, outcome!~"caller_error|rate_limited|cancelled"}}'
                    "[1h])))",
                    "availability",
                ),
            ),
            look=Look.NUMBER,
            unit="percentunit",
            steps=((None, RED), (0.99, YELLOW), (0.999, GREEN)),
            width=5,
            height=5,
            least=None,
        ),
        Panel(
            title="Alerts that fire",
            says="Of Prometheus; each has a page that says what to do.",
            queries=(
                query(
                    'sum by (severity) (ALERTS{alertname=~"Steadfast.*", alertstate="firing"}) or vector(0)'
                ),
            ),
            look=Look.NUMBER,
            steps=((None, GREEN), (1, RED)),
            width=5,
            height=5,
        ),
        Panel(
            title="Health lights",
            says="What each probe says, over time.",
            queries=(
                query(
                    f"max by (probe) (steadfast_probe_status{{{HERE}}}) > 0",
                    "{{probe}}",
                ),
            ),
            look=Look.LIGHTS,
            names=(
                (1, "ok", GREEN),
                (2, "unknown", "purple"),
                (3, "warning", YELLOW),
                (4, "error", ORANGE),
                (5, "fatal", RED),
            ),
            width=24,
            height=9,
        ),
    ),
)

TRAFFIC = Row(
    title="Traffic",
    panels=(
        Panel(
            title="Requests per second by outcome",
            says="ok and degraded are answers; shed, timeout and error are ours to mend.",
            queries=(query(rate("steadfast_requests_total", WORK, "outcome"), "{{outcome}}"),),
            look=Look.STACK,
            unit="reqps",
        ),
        Panel(
            title="Latency of answers",
            says="Half, nine of ten, and 99 of 100 are faster. Points are requests whose trace is known.",
            queries=tuple(
                query(quantile(part, _LATENCY, DONE, "environment"), f"p{round(part * 100)}")
                for part in (0.5, 0.9, 0.99)
            ),
            unit="s",
            steps=_LATENCY_STEPS,
        ),
        Panel(
            title="First frame",
            says="From the arrival of a request to its first finished frame.",
            queries=(
                query(quantile(0.5, "steadfast_first_frame_seconds", TASK, "task"), "{{task}} p50"),
                query(quantile(0.99, "steadfast_first_frame_seconds", TASK, "task"), "{{task}} p99"),
            ),
            unit="s",
            steps=((None, GREEN), (0.04, YELLOW), (0.8, RED)),
        ),
        Panel(
            title="Where the time goes",
            says="Mean time of an answer by stage.",
            queries=(
                query(
                    f"sum by (stage) (rate(steadfast_request_stage_seconds_sum{{{TASK}}}[$__rate_interval])) / "
                    f"sum by (stage) (rate(steadfast_request_stage_seconds_count{{{TASK}}}[$__rate_interval]))",
                    "{{stage}}",
                ),
            ),
            look=Look.STACK,
            unit="s",
        ),
        Panel(
            title="Queue",
            says="Requests that wait to be let in, by priority.",
            queries=(query(f"sum by (priority) (steadfast_queue_depth{{{TASK}}})", "{{priority}}"),),
            look=Look.STACK,
        ),
        Panel(
            title="Oldest in the queue",
            says="How long the one that came first has waited.",
            queries=(query(f"max by (priority) (steadfast_queue_age_seconds{{{TASK}}})", "{{priority}}"),),
            unit="s",
            steps=((None, GREEN), (5, YELLOW), (10, RED)),
        ),
        Panel(
            title="Turned away",
            says="At the door and from the queue, by reason. rate_of_… is the client's own rate.",
            queries=(
                query(rate("steadfast_requests_refused_total", TASK, "reason"), "{{reason}}"),
                query(rate("steadfast_requests_shed_total", TASK, "reason"), "{{reason}}, after a wait"),
            ),
            unit="reqps",
        ),
        Panel(
            title="Frames and faces",
            says="Pictures and frames of videos worked on, faces found and exchanged, per second.",
            queries=(
                query(rate("steadfast_frames_processed_total", TASK, "environment"), "frames"),
                query(rate("steadfast_faces_found_total", TASK, "environment"), "faces found"),
                query(rate("steadfast_faces_swapped_total", TASK, "environment"), "faces exchanged"),
            ),
        ),
        Panel(
            title="Predicted against actual",
            says="Median error of admission's predictions, as a part of what came true.",
            queries=(
                query(
                    f"1 - sum(rate(steadfast_predicted_work_seconds_total{{{TASK}}}[$__rate_interval])) / "
                    f"sum(rate(steadfast_actual_work_seconds_total{{{TASK}}}[$__rate_interval]))",
                    "of the mean",
                ),
                query(f"max by (task) (steadfast_predicted_work_pace{{{TASK}}}) - 1", "{{task}} pace"),
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.3, YELLOW)),
            least=None,
        ),
    ),
)

TROUBLE = Row(
    title="Trouble",
    panels=(
        Panel(
            title="Unwanted deaths of workers",
            says="Per minute, by cause.",
            queries=(
                query(
                    f"60 * {rate('steadfast_worker_deaths_total', _UNWANTED, 'cause')} > 0 or vector(0)",
                    "{{cause}}",
                ),
            ),
            look=Look.STACK,
        ),
        Panel(
            title="Retries",
            says="Requests started again because their worker died, per minute.",
            queries=(query(f"60 * {rate('steadfast_request_retries_total', TASK, 'fault')}", "{{fault}}"),),
        ),
        Panel(
            title="Memory and processor",
            says="Of the machine or the container, whichever is nearer its limit.",
            queries=(
                query(f"max by (instance) (steadfast_memory_used_ratio{{{HERE}}})", "memory {{instance}}"),
                query(f"max by (instance) (steadfast_cpu_used_ratio{{{HERE}}})", "cpu {{instance}}"),
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.8, YELLOW), (0.9, RED)),
        ),
        Panel(
            title="GPUs",
            says="Utilisation by device. Empty where there is none.",
            queries=(
                query(
                    f"max by (instance, gpu) (steadfast_gpu_utilization_ratio{{{HERE}}})",
                    "{{instance}} {{gpu}}",
                ),
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.95, ORANGE)),
        ),
        Panel(
            title="Incidents",
            says="Incidents that last, by kind.",
            queries=(query(f"sum by (kind) (steadfast_open_incidents{{{HERE}}}) or vector(0)", "{{kind}}"),),
            look=Look.STACK,
        ),
        Panel(
            title="Alert deliveries",
            says="Alerts that the service itself sends, per hour.",
            queries=(
                query(
                    f"3600 * {rate('steadfast_alert_deliveries_total', HERE, 'channel, result')} or vector(0)",
                    "{{channel}} {{result}}",
                ),
            ),
        ),
    ),
)

BOARD = Board(
    uid="steadfast-overview",
    title="Steadfast: overview",
    says="The one to hang on a wall.",
    rows=(HEALTH, TRAFFIC, TROUBLE),
)
