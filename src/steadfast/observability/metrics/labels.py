"""Labels that several families have."""

from typing import Final

from steadfast.admission.arrival import Priority
from steadfast.observability.metrics.family import Label, words_of
from steadfast.observability.requests import RequestOutcome, SizeClass

TASK: Final = Label(name="task", meaning="What is asked for: `face_swap`, `visual_entailment`.", most=12)
OUTCOME: Final = Label(
    name="outcome",
    meaning="What became of it: `ok`, `degraded`, `caller_error`, `rate_limited`, `cancelled`; "
    "and what counts against us: `shed`, `timeout`, `error`.",
    values=words_of(RequestOutcome),
)
ENGINE: Final = Label(name="engine", meaning="What did the work; empty where nothing was done.", most=12)
SIZE_CLASS: Final = Label(
    name="size_class",
    meaning="`small` up to 1 megapixel, `medium` up to 4, `large` up to 16, `huge`; `unknown` where nothing "
    "was decoded.",
    values=words_of(SizeClass),
)
PRIORITY: Final = Label(
    name="priority", meaning="`interactive`, `standard` or `batch`.", values=words_of(Priority)
)
PLACE: Final = Label(
    name="worker",
    meaning="The place that it serves in: `cpu:0`, `cuda:1`; `spare:0` where it has none yet. Stays the same "
    "when a worker is replaced.",
    most=64,
)
MODEL: Final = Label(name="model", meaning="As the catalogue names it.", most=40)
SUBJECT: Final = Label(name="subject", meaning="What was looked at.", most=64)
DEVICE: Final = Label(name="gpu", meaning="NVML's number of the device: `gpu:0`.", most=32)

SECONDS_OF_REQUESTS: Final = (
    0.005, 0.01, 0.025, 0.04, 0.06, 0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 1.2, 2.0, 3.0, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Around the objectives: 40 ms for one frame on a GPU, 800 ms for nine requests of ten, 3 s for 99 of 100."""
SECONDS_OF_TAKEOVERS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SECONDS_OF_LOADS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
SECONDS_OF_JOBS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 10800.0, 36000.0)
