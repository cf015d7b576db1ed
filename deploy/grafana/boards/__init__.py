"""One file per dashboard."""

from deploy.grafana.boards import containers, gpus, instances, jobs, logs, objectives, overview, workers

BOARDS = (
    overview.BOARD,
    instances.BOARD,
    jobs.BOARD,
    workers.BOARD,
    gpus.BOARD,
    containers.BOARD,
    objectives.BOARD,
    logs.BOARD,
)
