"""Devices are listed as the driver says; MIG instances count instead of their GPU."""

from collections.abc import Sequence

from steadfast.runtime.devices import cpu_devices, cuda_devices, list_identifiers

TWO_GPUS = """GPU 0: NVIDIA H200 (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000000)
GPU 1: NVIDIA H200 (UUID: GPU-22222222-aaaa-bbbb-cccc-000000000000)
"""
CUT = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.20gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-99999999-d268-c3f3-1b07-005d5ae1dc3f)
"""
MEMORY = "GPU-11111111-aaaa-bbbb-cccc-000000000000, 143771\n"


def test_every_gpu_is_a_device_that_its_worker_sees_alone() -> None:
    def ask(arguments: Sequence[str]) -> str:
        return TWO_GPUS if arguments == ("-L",) else MEMORY

    first, second = cuda_devices(ask)
    assert (first.name, second.name) == ("cuda:0", "cuda:1")
    assert first.environment["CUDA_VISIBLE_DEVICES"] == "GPU-11111111-aaaa-bbbb-cccc-000000000000"
    assert (first.memory_bytes, second.memory_bytes) == (143771 << 20, 0)


def test_mig_instances_count_instead_of_the_gpu_that_is_cut() -> None:
    assert list_identifiers(CUT) == [
        "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f",
        "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb",
        "GPU-99999999-d268-c3f3-1b07-005d5ae1dc3f",
    ]


def test_without_a_driver_there_are_none() -> None:
    assert cuda_devices(lambda _: "") == ()
    assert list_identifiers("No devices were found\n") == []


def test_cores_are_shared_by_as_many_workers_as_asked() -> None:
    assert [device.name for device in cpu_devices(3)] == ["cpu"] * 3
