"""An encoder that is opened leaves the process as it was scheduled."""

import os
from contextlib import suppress
from fractions import Fraction

import pytest
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext

from steadfast.media.encoder_opening import open_encoder

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler"), reason="schedulers are asked for as Linux has them"
)


def opened(name: str) -> VideoCodecContext:
    context = CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width = context.height = 64
    context.pix_fmt, context.framerate = "yuv420p", Fraction(10)
    open_encoder(context)
    return context


@pytest.mark.parametrize("name", ["libsvtav1", "libx264"])
def test_no_thread_is_left_at_real_time(name: str) -> None:
    context = opened(name)
    policies = set()
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208
        with suppress(ProcessLookupError):  # one of a neighbour's that has just ended
            policies.add(os.sched_getscheduler(int(thread)))
    assert context.is_open
    assert policies == {os.SCHED_OTHER}


def test_what_was_chosen_for_this_process_stays() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        opened("libsvtav1")
        assert os.sched_getscheduler(0) == os.SCHED_BATCH
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
