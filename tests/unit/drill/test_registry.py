"""Which faults there are, and those that third parties add."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from tests.installed_plugin import install

from steadfast.drill.registry import BUILT_IN, GROUP, chosen, known_faults
from steadfast.errors import InvalidOption

PROMISED = (
    "worker-sigkill",
    "native-segfault",
    "worker-sigstop",
    "hang-with-gil",
    "hang-in-sleep",
    "busy-loop",
    "host-oom",
    "cuda-oom-onnxruntime",
    "cuda-oom-torch",
    "cuda-oom-tensorrt",
    "cuda-oom-cublas",
    "hip-oom",
    "cuda-oom-real",
    "nan-outputs",
    "wrong-outputs",
    "slow-model",
    "model-file-corrupt",
    "model-file-missing",
    "model-file-unreadable",
    "memory-leak",
    "descriptor-leak",
    "thread-leak",
    "disk-full",
    "read-only-scratch",
    "slow-disk",
    "database-locked",
    "database-gone",
    "blob-store-gone",
    "blob-store-slow",
    "blob-store-errors",
    "overload",
    "slow-clients",
    "half-open-connections",
    "giant-headers",
    "poison-picture",
    "decompression-bomb",
    "malformed-multipart",
    "server-sigkill",
    "server-loop-blocked",
    "guardian-sigkill",
    "sigterm-under-load",
    "tree-sigkill",
    "clock-forward",
    "clock-back",
    "dns-gone",
    "alert-receiver-gone",
)


def test_every_fault_that_is_promised_is_there() -> None:
    assert sorted(fault.name for fault in BUILT_IN) == sorted(PROMISED)


@pytest.mark.parametrize("fault", BUILT_IN, ids=lambda fault: fault.name)
def test_every_fault_has_a_kebab_case_name_a_sentence_and_an_expectation(fault: type) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fault.name)  # type: ignore[attr-defined]
    assert fault.what.endswith(".")  # type: ignore[attr-defined]
    assert fault().expect() is not None


SOURCE = """
    from steadfast.drill.fault import Expectation, Fault, Group

    class CoffeeMachine(Fault):
        name = "coffee-machine"
        what = "The coffee machine is unplugged."
        group = Group.SURROUNDINGS

        async def inject(self, scene):
            pass

        def expect(self):
            return Expectation()

    not_a_fault = dict
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield tmp_path / "site"
    for name in ("coffee", "tea"):
        sys.modules.pop(name, None)


def test_a_third_party_adds_a_fault_by_entry_point(installed: Path) -> None:
    install(
        installed,
        name="coffee-faults",
        module="coffee",
        source=SOURCE,
        entry_points={GROUP: "coffee = coffee:CoffeeMachine"},
    )
    assert any(d.metadata["Name"] == "coffee-faults" for d in distributions())
    fault = known_faults()["coffee-machine"]
    assert fault.what == "The coffee machine is unplugged."


def test_an_entry_point_that_is_no_fault_is_passed_over_and_told(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(
        installed,
        name="tea-faults",
        module="tea",
        source=SOURCE,
        entry_points={GROUP: "tea = tea:not_a_fault"},
    )
    assert set(known_faults()) == set(PROMISED)
    assert "fault not loaded" in caplog.text


def test_a_name_that_no_fault_has_is_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidOption, match="worker-sigkil'") as refused:
        chosen(known_faults(()), ["worker-sigkil"])
    assert "--list" in refused.value.remedy


def test_no_names_are_all_faults() -> None:
    assert len(chosen(known_faults(()), [])) == len(PROMISED)
