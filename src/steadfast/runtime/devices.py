"""What workers can run on: cores, and accelerators as the driver's own tool lists them.

The server loads no CUDA: it asks `nvidia-smi`, and a worker sees its one device through
CUDA_VISIBLE_DEVICES. A GPU that is cut into MIG instances counts as its instances.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence

from steadfast.runtime.options import MIB, Device

_ANSWER_WITHIN_S = 10
_GPU = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[\w-]+)\)")
_MIG = re.compile(r"^\s+MIG .*\(UUID: (MIG-[\w/-]+)\)")

Ask = Callable[[Sequence[str]], str]


def cpu_devices(workers: int) -> tuple[Device, ...]:
    """`workers` places on the machine's cores."""
    return (Device(),) * workers


def cuda_devices(ask: Ask | None = None) -> tuple[Device, ...]:
    """One device per GPU or MIG instance; none where there is no driver or it does not answer."""
    ask = ask or ask_driver
    identifiers = list_identifiers(ask(("-L",)))
    memory = _memory_bytes(ask(("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")))
    return tuple(
        Device(
            name=f"cuda:{index}",
            environment={"CUDA_VISIBLE_DEVICES": identifier, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
            memory_bytes=memory.get(identifier, 0),  # the driver tells no memory of a MIG instance here
        )
        for index, identifier in enumerate(identifiers)
    )


def list_identifiers(listing: str) -> list[str]:
    """UUIDs out of `nvidia-smi -L`: of a GPU that is cut into instances, the instances' alone."""
    found: list[str] = []
    whole: str | None = None
    for line in listing.splitlines():
        if gpu := _GPU.match(line):
            whole = gpu.group(1)
            found.append(whole)
        elif mig := _MIG.match(line):
            if found and found[-1] == whole:
                found.pop()
            found.append(mig.group(1))
    return found


def _memory_bytes(table: str) -> dict[str, int]:
    rows = (line.split(",") for line in table.splitlines() if "," in line)
    return {uuid.strip(): int(mib) * MIB for uuid, mib in rows if mib.strip().isdigit()}


def ask_driver(arguments: Sequence[str]) -> str:
    """What `nvidia-smi` says to these arguments; nothing where it is not there or does not answer in time."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 — the driver's own tool with fixed arguments
            [program, *arguments], capture_output=True, text=True, timeout=_ANSWER_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # a driver that hangs is no reason to hang with it
        return ""
    return done.stdout if done.returncode == 0 else ""
