"""What is sent says that there is work, by capability and priority, in a queue that says so too."""

from steadfast.cluster.message import VERSION, Errand, errands_of
from steadfast.jobs.job import JobPriority


def test_the_queue_names_version_capability_and_priority() -> None:
    anything = Errand(capability="", priority=int(JobPriority.HIGH))
    large = Errand(capability="cuda-40g", priority=int(JobPriority.LOW))
    assert anything.queue("steadfast") == "steadfast.v1.any.high"
    assert large.queue("mine") == "mine.v1.cuda-40g.low"


def test_another_version_has_other_queues_so_that_nobody_gets_what_he_does_not_know() -> None:
    errand = Errand(capability="", priority=1)
    assert errand.queue("s", VERSION + 1) != errand.queue("s", VERSION)


def test_the_message_names_no_job() -> None:
    body = Errand(capability="cuda", priority=1).body()
    assert body == {"version": VERSION, "capability": "cuda", "priority": "normal"}


def test_a_server_listens_for_everything_it_can_do_and_for_what_every_server_can() -> None:
    queues = [errand.queue("s") for errand in errands_of(frozenset({"cuda", "cpu"}))]
    assert queues[:3] == ["s.v1.any.high", "s.v1.cpu.high", "s.v1.cuda.high"]
    assert len(queues) == 9
