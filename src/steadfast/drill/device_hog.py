"""Takes all the free memory of a GPU, in a process of its own, and gives it back when that ends."""

import asyncio
import ctypes
import sys
from contextlib import suppress

from steadfast.drill.fault import NotHere

_CHUNK_BYTES = 256 << 20
_READY = b"taken"


def device_missing() -> str:
    """Why no GPU can be filled here; empty: one can."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "this machine has no CUDA driver"
    count = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0 or not count.value:
        return "this machine has no CUDA device"
    return ""


class DeviceHog:
    """One process that holds it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def take(self) -> None:
        """Raises `NotHere` where the driver refuses."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60.0)
        if _READY not in line:
            raise NotHere("the CUDA driver did not give its memory")

    async def give_back(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def hold_everything() -> None:
    """Takes device memory until there is no more, says so, and waits to be killed."""
    cuda = ctypes.CDLL("libcuda.so.1")
    context, device, place = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_uint64()
    cuda.cuInit(0)
    cuda.cuDeviceGet(ctypes.byref(device), 0)
    cuda.cuCtxCreate_v2(ctypes.byref(context), 0, device)
    size = _CHUNK_BYTES
    while size >= 1 << 20:
        if cuda.cuMemAlloc_v2(ctypes.byref(place), ctypes.c_size_t(size)) != 0:
            size //= 2
    sys.stdout.write(_READY.decode() + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    hold_everything()
