"""What servers can do meets what jobs need."""

import pytest

from steadfast.cluster.capability import Abilities, capabilities_of, device_words, needs_by

_GB = 1 << 30


def test_a_gpu_is_every_size_up_to_its_own() -> None:
    assert device_words([("cuda:0", 40 * _GB)]) == {"cuda", "cuda-8g", "cuda-16g", "cuda-24g", "cuda-40g"}


def test_a_card_that_tells_a_little_less_than_its_box_says_counts_as_what_the_box_says() -> None:
    assert "cuda-24g" in device_words([("cuda:0", int(23.6 * _GB))])
    assert "cuda-24g" not in device_words([("cuda:0", 20 * _GB)])


def test_a_gpu_whose_memory_is_not_known_is_only_a_gpu() -> None:
    assert device_words([("cuda:0", 0), ("cpu", 0)]) == {"cuda", "cpu"}


def test_engines_are_told_alone_and_with_the_kind_of_device() -> None:
    found = capabilities_of([("cpu", 0)], ["embedded"], ["rack-7"])
    assert found == {"cpu", "embedded", "embedded-cpu", "rack-7"}


@pytest.mark.parametrize(
    ("options", "pin", "needed"),
    [
        ({}, None, ""),
        ({"engine": "auto"}, None, ""),
        ({"engine": "standard"}, None, "standard"),
        ({"engine": "neural"}, None, "cuda-40g"),
        ({}, {"engine": "standard", "provider": "cpu"}, "standard-cpu"),
        ({}, {"engine": "standard", "provider": "CUDAExecutionProvider"}, "standard-cuda"),
        ({}, {"engine": "neural", "provider": "cuda"}, "cuda-40g"),
        ({}, {"drawing": "1"}, ""),
    ],
)
def test_a_job_needs_what_the_operator_says_else_what_it_was_begun_with(
    options: dict[str, str], pin: dict[str, str] | None, needed: str
) -> None:
    needs = needs_by(["neural=cuda-40g", "entail=cuda"])
    assert needs("face_swap", options, pin) == needed


def test_a_rule_may_name_a_task() -> None:
    assert needs_by(["entail=cuda"])("entail", {}, None) == "cuda"


def test_a_server_can_do_what_it_has_begun_itself() -> None:
    abilities = Abilities({"cpu"})
    assert abilities.has("")
    assert not abilities.has("standard-cpu")
    abilities.learn("standard-cpu")
    assert abilities.has("standard-cpu")


# --- two versions side by side ------------------------------------------------------------------------


def test_a_plan_of_a_newer_version_is_left_to_servers_that_can_read_it() -> None:
    newer = needs_by([], manifest=2)("face_swap", {}, {"engine": "standard", "provider": "cpu"})
    words = {"cpu", "standard-cpu"}
    assert not Abilities(words, manifest=1).has(newer)
    assert Abilities(words, manifest=2).has(newer)
    assert not Abilities({"cpu"}, manifest=2).has(newer), "and the engine must be there as ever"


def test_a_newer_version_goes_on_with_plans_of_the_older_one() -> None:
    older = needs_by([], manifest=1)("face_swap", {}, {"engine": "standard", "provider": "cpu"})
    assert older == "standard-cpu"
    assert Abilities({"standard-cpu"}, manifest=2).has(older)


def test_a_job_that_is_not_planned_yet_may_be_planned_by_either() -> None:
    assert needs_by([], manifest=2)("face_swap", {}, None) == ""


def test_messages_of_a_newer_version_have_queues_to_which_the_older_does_not_listen() -> None:
    assert Abilities({"cpu"}, manifest=1).listens_for == {"cpu"}
    assert Abilities({"cpu"}, manifest=2).listens_for == {"cpu", "m2:", "m2:cpu"}
