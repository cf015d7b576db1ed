"""Providers are taken in the user's order, and every one that is not taken has a reason."""

from pathlib import Path

import pytest

from steadfast.errors import EngineUnavailable, InvalidOption
from steadfast.inference.providers import (
    Provider,
    choose_providers,
    explain_absence,
    parse_order,
    provider_options,
)
from steadfast.inference.testing import CPU, FakeRuntime

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
EVERYTHING = tuple(provider.runtime_name for provider in Provider)


def test_the_users_order_is_kept_not_the_runtimes() -> None:
    choice = choose_providers(
        ("cpu", "cuda", "tensorrt"), runtime=FakeRuntime(available=(TENSORRT, CUDA, CPU))
    )
    assert choice.taken == (Provider.CPU, Provider.CUDA, Provider.TENSORRT)
    assert choice.skipped == ()


def test_a_provider_the_build_lacks_is_skipped_with_its_reason_and_the_next_is_taken() -> None:
    choice = choose_providers(("tensorrt", "cuda", "cpu"), runtime=FakeRuntime(available=(CUDA, CPU)))
    assert choice.taken == (Provider.CUDA, Provider.CPU)
    assert [s.provider for s in choice.skipped] == [Provider.TENSORRT]
    assert "built without it" in choice.skipped[0].reason


@pytest.mark.parametrize("name", [provider.value for provider in Provider])
def test_every_provider_of_the_manual_can_be_asked_for(name: str) -> None:
    choice = choose_providers((name,), runtime=FakeRuntime(available=EVERYTHING))
    assert [p.value for p in choice.taken] == [name]


def test_where_nothing_of_the_order_is_here_the_error_says_why_for_each() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        choose_providers(("cuda", "rocm"), runtime=FakeRuntime())
    assert "cuda:" in caught.value.detail
    assert "rocm:" in caught.value.detail
    assert "'cpu'" in caught.value.remedy


@pytest.mark.parametrize("order", [("cuda", "abacus"), ()])
def test_an_order_that_cannot_be_is_refused_with_the_names_that_can(order: tuple[str, ...]) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_order(order)
    assert "tensorrt, cuda" in caught.value.remedy


def test_names_are_read_kindly_and_once() -> None:
    assert parse_order((" CUDA", "cpu", "cuda")) == (Provider.CUDA, Provider.CPU)


def test_the_device_limit_bounds_the_arena_and_is_left_out_when_there_is_none() -> None:
    assert provider_options(Provider.CUDA, gpu_memory_limit_bytes=5)["gpu_mem_limit"] == "5"
    assert "gpu_mem_limit" not in provider_options(Provider.CUDA, gpu_memory_limit_bytes=0)
    assert provider_options(Provider.CPU, gpu_memory_limit_bytes=5) == {}


def test_tensorrt_keeps_what_it_compiled_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path))
    options = provider_options(Provider.TENSORRT, gpu_memory_limit_bytes=7)
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    assert options["trt_max_workspace_size"] == "7"


def test_the_linkers_own_words_explain_a_provider_that_did_not_initialise(tmp_path: Path) -> None:
    capi = tmp_path / "capi"
    capi.mkdir()
    (capi / "libonnxruntime_providers_cuda.so").write_bytes(b"no library")
    runtime = FakeRuntime(__file__=str(tmp_path / "__init__.py"))
    assert "does not load" in explain_absence(Provider.CUDA, runtime)
    assert "did not initialise" in explain_absence(Provider.TENSORRT, runtime)
