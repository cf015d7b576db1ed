"""Faults of memory, and of what else leaks: the host's, a device's, descriptors, threads."""

from typing import ClassVar

from steadfast.drill.device_hog import DeviceHog, device_missing
from steadfast.drill.fault import Expectation, Fault, Group, Scene
from steadfast.drill.house import House, PrivateServer
from steadfast.drill.orders import Act

_MIB = 1 << 20
_LEFT_BYTES = 384 * _MIB
"""That the memory cgroup still gives when the hungry request comes."""
_HUNGER_BYTES = 2048 * _MIB
_STEPPED_DOWN = ("incident:stepped_down", "degraded", "incident:worker_died")


class HostOom(Fault):
    """Real memory, really refused: the kernel kills inside a cgroup, or RLIMIT_AS refuses."""

    name = "host-oom"
    what = "One request asks for more memory than the machine gives (memory cgroup, else RLIMIT_AS)."
    group = Group.MEMORY
    lasts_s = 6.0
    needs_own_server = True

    def missing(self, house: House) -> str:
        """Needs one of the two."""
        if not isinstance(house, PrivateServer) or house.memory_group or house.address_space_bytes:
            return ""
        return "no memory cgroup can be made here, and RLIMIT_AS is not used on a GPU"

    async def inject(self, scene: Scene) -> None:
        """Tightens the limit, then sends a request that is hungry; at the next step it asks for an eighth."""
        group, hunger_bytes = scene.own.memory_group, _HUNGER_BYTES
        if group is not None:
            group.limit(group.used_bytes() + _LEFT_BYTES)
        else:
            hunger_bytes = scene.own.address_space_bytes
        scene.send(await scene.swap_with(Act.ALLOCATE, amount=hunger_bytes))

    async def heal(self, scene: Scene) -> None:
        """Takes the limit away."""
        if scene.own.memory_group is not None:
            scene.own.memory_group.limit(None)

    def expect(self) -> Expectation:
        """One step down, the request is answered, the server is never the victim."""
        return Expectation(signs=_STEPPED_DOWN, detect_within_s=8.0, carriers=("200",))


class _DeviceOom(Fault):
    """The exception that the runtime really raises, with its real words; nothing is taken from a device."""

    group = Group.MEMORY
    runtime: ClassVar[str]

    async def inject(self, scene: Scene) -> None:
        """One request, at the best operating point."""
        scene.send(await scene.swap_with(Act.RAISE, text=self.runtime))

    def expect(self) -> Expectation:
        """One step down, the request is answered."""
        return Expectation(signs=_STEPPED_DOWN, detect_within_s=8.0, carriers=("200",))


class OnnxDeviceOom(_DeviceOom):
    """As the CUDA provider tells it."""

    name = "cuda-oom-onnxruntime"
    what = "A run raises what ONNX Runtime raises when CUDA has no memory (simulated)."
    runtime = "onnxruntime"


class TorchDeviceOom(_DeviceOom):
    """`torch.OutOfMemoryError`."""

    name = "cuda-oom-torch"
    what = "A run raises what PyTorch raises when CUDA has no memory (simulated)."
    runtime = "torch"


class TensorRtDeviceOom(_DeviceOom):
    """As TensorRT's log tells it."""

    name = "cuda-oom-tensorrt"
    what = "A run raises what TensorRT raises when CUDA has no memory (simulated)."
    runtime = "tensorrt"


class CublasDeviceOom(_DeviceOom):
    """A library below the runtime is the one that finds no room."""

    name = "cuda-oom-cublas"
    what = "A run raises what cuBLAS raises when CUDA has no memory (simulated)."
    runtime = "cublas"


class HipDeviceOom(_DeviceOom):
    """The same on an AMD device."""

    name = "hip-oom"
    what = "A run raises what HIP raises when an AMD device has no memory (simulated)."
    runtime = "hip"


class RealDeviceOom(Fault):
    """Another process takes all of the device's memory that is free."""

    name = "cuda-oom-real"
    what = "Another process takes all the free memory of the GPU for ten seconds."
    group = Group.MEMORY
    lasts_s = 10.0

    def __init__(self) -> None:
        self._hog = DeviceHog()

    def missing(self, house: House) -> str:
        """Needs a GPU on this machine."""
        return device_missing() or ("" if house.is_private else "the GPU of another machine cannot be filled")

    async def inject(self, scene: Scene) -> None:  # noqa: ARG002
        """Takes it."""
        await self._hog.take()

    async def heal(self, scene: Scene) -> None:  # noqa: ARG002
        """Gives it back."""
        await self._hog.give_back()

    def expect(self) -> Expectation:
        """Nobody notices, but for answers that confess a smaller operating point."""
        return Expectation()


class _Leak(Fault):
    """Every request leaves something behind, in every worker of the task."""

    group = Group.MEMORY
    lasts_s = 25.0
    act: ClassVar[Act]
    amount: ClassVar[float]

    async def inject(self, scene: Scene) -> None:
        """From now on."""
        await scene.order(self.act, task="face_swap", amount=self.amount)

    def expect(self) -> Expectation:
        """Workers are replaced before anybody notices."""
        signs = ("incident:leak", "incident:worker_memory_trend", "replaced")
        return Expectation(signs=signs, detect_within_s=self.lasts_s + 5.0)


class MemoryLeak(_Leak):
    """Resident memory."""

    name = "memory-leak"
    what = "Every swap leaves 24 MiB behind."
    act = Act.LEAK_MEMORY
    amount = 24.0 * _MIB


class DescriptorLeak(_Leak):
    """Files that are never closed."""

    name = "descriptor-leak"
    what = "Every swap leaves 48 open files behind."
    act = Act.LEAK_DESCRIPTORS
    amount = 48.0


class ThreadLeak(_Leak):
    """Threads that never end."""

    name = "thread-leak"
    what = "Every swap leaves 24 threads behind."
    act = Act.LEAK_THREADS
    amount = 24.0


FAULTS: tuple[type[Fault], ...] = (
    HostOom,
    OnnxDeviceOom,
    TorchDeviceOom,
    TensorRtDeviceOom,
    CublasDeviceOom,
    HipDeviceOom,
    RealDeviceOom,
    MemoryLeak,
    DescriptorLeak,
    ThreadLeak,
)
