"""GPUs: what NVML tells the service, and beside it what DCGM's exporter tells."""

from deploy.grafana.panel import (
    GREEN,
    HERE,
    ORANGE,
    RED,
    YELLOW,
    Board,
    Panel,
    Query,
    Row,
    query,
)

_DCGM = 'environment=~"$environment"'


def _device(family: str) -> tuple[Query, ...]:
    return (query(f"max by (instance, gpu) ({family}{{{HERE}}})", "{{instance}} {{gpu}}"),)


OWN = Row(
    title="As the service sees them",
    panels=(
        Panel(
            title="Utilisation",
            says="Part of the time in which a kernel ran.",
            queries=_device("steadfast_gpu_utilization_ratio"),
            unit="percentunit",
            steps=((None, GREEN), (0.95, ORANGE)),
        ),
        Panel(
            title="Memory",
            says="In use by everyone, as a part of the whole.",
            queries=(
                query(
                    f"steadfast_gpu_memory_used_bytes{{{HERE}}} / steadfast_gpu_memory_total_bytes{{{HERE}}}",
                    "{{instance}} {{gpu}}",
                ),
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.85, YELLOW), (0.95, RED)),
        ),
        Panel(
            title="Memory by worker",
            says="What each worker says it holds.",
            queries=(
                query(
                    f"sum by (instance, worker) (steadfast_worker_device_memory_bytes{{{HERE}}})",
                    "{{instance}} {{worker}}",
                ),
            ),
            unit="bytes",
        ),
        Panel(
            title="Temperature",
            says="And the temperature at which the device slows itself down.",
            queries=(
                *_device("steadfast_gpu_temperature_celsius"),
                query(
                    f"min by (instance) (steadfast_gpu_slowdown_temperature_celsius{{{HERE}}})",
                    "slowdown {{instance}}",
                ),
            ),
            unit="celsius",
            steps=((None, GREEN), (80, YELLOW), (88, RED)),
        ),
        Panel(
            title="Power",
            says="Drawn, and the limit.",
            queries=(
                *_device("steadfast_gpu_power_watts"),
                query(
                    f"max by (instance, gpu) (steadfast_gpu_power_limit_watts{{{HERE}}})",
                    "limit {{instance}} {{gpu}}",
                ),
            ),
            unit="watt",
        ),
        Panel(
            title="Errors",
            says="Xid errors of the driver and uncorrected memory errors, per hour.",
            queries=(
                query(f"increase(steadfast_gpu_xid_errors_total{{{HERE}}}[1h])", "Xid {{instance}} {{gpu}}"),
                query(f"increase(steadfast_gpu_ecc_errors_total{{{HERE}}}[1h])", "ECC {{instance}} {{gpu}}"),
            ),
            steps=((None, GREEN), (1, RED)),
        ),
    ),
)

DCGM = Row(
    title="As DCGM sees them",
    panels=(
        Panel(
            title="Tensor cores and occupancy",
            says="How much of the device the kernels really use: high utilisation with low occupancy is small work.",
            queries=(
                query(
                    f"max by (Hostname, gpu) (DCGM_FI_PROF_SM_OCCUPANCY{{{_DCGM}}})",
                    "occupancy {{Hostname}} {{gpu}}",
                ),
                query(
                    f"max by (Hostname, gpu) (DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{{{_DCGM}}})",
                    "tensor {{Hostname}} {{gpu}}",
                ),
            ),
            unit="percentunit",
        ),
        Panel(
            title="Clocks and throttling",
            says="Clock of the SMs; a fall under load is heat or power.",
            queries=(
                query(f"max by (Hostname, gpu) (DCGM_FI_DEV_SM_CLOCK{{{_DCGM}}})", "{{Hostname}} {{gpu}}"),
            ),
            unit="mhertz",
        ),
        Panel(
            title="PCIe",
            says="Bytes per second to and from the device.",
            queries=(
                query(
                    f"max by (Hostname, gpu) (DCGM_FI_PROF_PCIE_TX_BYTES{{{_DCGM}}})",
                    "out {{Hostname}} {{gpu}}",
                ),
                query(
                    f"max by (Hostname, gpu) (DCGM_FI_PROF_PCIE_RX_BYTES{{{_DCGM}}})",
                    "in {{Hostname}} {{gpu}}",
                ),
            ),
            unit="Bps",
        ),
    ),
)

BOARD = Board(
    uid="steadfast-gpus",
    title="Steadfast: GPUs",
    says="Own NVML figures and, beside them, DCGM's. Empty without a GPU.",
    rows=(OWN, DCGM),
    variables=("environment", "instance"),
)
