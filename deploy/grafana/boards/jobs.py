"""Jobs: what waits and runs, how long it takes, what is done twice, and the disks they live on."""

from deploy.grafana.panel import (
    GREEN,
    HERE,
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

JOBS = Row(
    title="Jobs",
    panels=(
        Panel(
            title="Jobs by state",
            says="Those that are not over.",
            queries=(query(f"sum by (state) (steadfast_jobs{{{HERE}}})", "{{state}}"),),
            look=Look.STACK,
        ),
        Panel(
            title="Ended per minute",
            says="By the state they ended in.",
            queries=(query(f"60 * {rate('steadfast_jobs_ended_total', TASK, 'state')}", "{{state}}"),),
        ),
        Panel(
            title="Turnaround",
            says="From submission to result. Promised: 95 of 100 within 15 minutes.",
            queries=tuple(
                query(
                    quantile(part, "steadfast_job_duration_seconds", f'{TASK}, state="succeeded"', "task"),
                    f"{{{{task}}}} p{round(part * 100)}",
                )
                for part in (0.5, 0.95)
            ),
            unit="s",
            steps=((None, GREEN), (600, YELLOW), (900, RED)),
        ),
        Panel(
            title="Checkpoint age",
            says="Of the running job that has gone longest without finishing anything: what a crash would cost.",
            queries=(
                query(f"max by (instance) (steadfast_job_checkpoint_age_seconds{{{HERE}}})", "{{instance}}"),
            ),
            unit="s",
            steps=((None, GREEN), (120, YELLOW), (600, RED)),
        ),
        Panel(
            title="Steps per minute",
            says="Plans, segments and joins whose files are safe.",
            queries=(query(f"60 * {rate('steadfast_job_steps_total', TASK, 'step')}", "{{step}}"),),
            look=Look.STACK,
        ),
        Panel(
            title="Failed attempts and redone segments",
            says="Failures by what they were booked on; redone: a finished file was damaged or gone.",
            queries=(
                query(
                    f"60 * {rate('steadfast_job_step_failures_total', TASK, 'fault')}", "failed, {{fault}}"
                ),
                query(f"60 * {rate('steadfast_job_segments_redone_total', TASK, 'environment')}", "redone"),
                query(f"60 * {rate('steadfast_job_leases_lost_total', TASK, 'environment')}", "leases lost"),
            ),
        ),
        Panel(
            title="Frames per second",
            says="In finished segments.",
            queries=(query(rate("steadfast_job_frames_total", TASK, "task"), "{{task}}"),),
        ),
        Panel(
            title="First frame of a job",
            says="From the moment it runs to its first finished frame.",
            queries=(
                query(quantile(0.9, "steadfast_job_first_frame_seconds", TASK, "task"), "{{task}} p90"),
            ),
            unit="s",
        ),
        Panel(
            title="Time of a step",
            says="Nine of ten are faster.",
            queries=(query(quantile(0.9, "steadfast_job_step_seconds", TASK, "step"), "{{step}} p90"),),
            unit="s",
        ),
    ),
)

STORAGE = Row(
    title="Storage",
    panels=(
        Panel(
            title="Storage",
            says="Bytes of each area of the data folder.",
            queries=(query(f"sum by (area) (steadfast_storage_used_bytes{{{HERE}}})", "{{area}}"),),
            look=Look.STACK,
            unit="bytes",
        ),
        Panel(
            title="Left on the disk",
            says="At 10 % no new jobs are taken.",
            queries=(
                query(
                    f"min by (instance, disk) (steadfast_disk_free_bytes{{{HERE}}} / "
                    f"steadfast_disk_size_bytes{{{HERE}}})",
                    "{{instance}} {{disk}}",
                ),
            ),
            unit="percentunit",
            steps=((None, RED), (0.1, YELLOW), (0.2, GREEN)),
        ),
        Panel(
            title="Scratch",
            says="Bodies of requests on disk, as a part of what they may take.",
            queries=(
                query(
                    f"max by (instance) (steadfast_scratch_used_bytes{{{HERE}}} / "
                    f"steadfast_scratch_quota_bytes{{{HERE}}})",
                    "{{instance}}",
                ),
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.6, YELLOW), (0.8, RED)),
        ),
    ),
)

BOARD = Board(
    uid="steadfast-jobs",
    title="Steadfast: jobs",
    says="Videos and batches, and the disks they live on.",
    rows=(JOBS, STORAGE),
    since="now-12h",
)
