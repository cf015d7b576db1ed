"""What goes wrong in a worker, as far as this process survives it; the rest is seen in real drills."""

import os
import threading

import pytest

from steadfast.drill.hooks.acts import DEVICE_OUT_OF_MEMORY, Harm, device_error
from steadfast.drill.orders import Act, Order
from steadfast.errors import OutOfDeviceMemory
from steadfast.runtime.failure import out_of_memory_class


@pytest.mark.parametrize("runtime", DEVICE_OUT_OF_MEMORY)
def test_every_runtimes_own_words_are_known_as_a_device_without_memory(runtime: str) -> None:
    assert out_of_memory_class(device_error(runtime)) is OutOfDeviceMemory


def test_a_device_has_no_memory_at_the_best_operating_point_only() -> None:
    harm, order = Harm(), Order(id="a", act=Act.RAISE, text="onnxruntime")
    with pytest.raises(Exception, match="out of memory"):  # the runtime's own class where it is loaded
        harm.do(order)
    harm.stand_at(1)
    harm.do(order)


def test_leaks_leave_behind_what_they_say() -> None:
    harm = Harm()
    threads = set(threading.enumerate())
    harm.do(Order(id="a", act=Act.LEAK_DESCRIPTORS, amount=5))
    harm.do(Order(id="b", act=Act.LEAK_THREADS, amount=3))
    held = list(harm._descriptors)
    assert [os.readlink(f"/proc/self/fd/{number}") for number in held] == [os.devnull] * 5  # noqa: PTH115
    waiting = set(threading.enumerate()) - threads
    assert len(waiting) == 3
    harm.give_back()
    for number in held:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)
    for thread in waiting:
        thread.join()
