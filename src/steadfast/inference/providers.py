"""Execution providers: what a model runs on, in the user's order, and why one was passed over."""

import ctypes
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import platformdirs

from steadfast.errors import EngineUnavailable, InvalidOption
from steadfast.inference.runtime import OnnxRuntime, import_runtime


class Provider(StrEnum):
    """The providers by the names users know; the order is no preference."""

    TENSORRT = "tensorrt"  # NVIDIA, compiles each graph once
    CUDA = "cuda"  # NVIDIA
    ROCM = "rocm"  # AMD, in runtimes up to 1.22
    MIGRAPHX = "migraphx"  # AMD
    OPENVINO = "openvino"  # Intel
    COREML = "coreml"  # Apple
    DIRECTML = "directml"  # Windows
    CPU = "cpu"

    @property
    def runtime_name(self) -> str:
        """What ONNX Runtime calls it."""
        return _RUNTIME_NAMES[self]

    @property
    def has_own_memory(self) -> bool:
        """Whether models on it take memory of a graphics card."""
        return self not in (Provider.CPU, Provider.OPENVINO, Provider.COREML)


_RUNTIME_NAMES = {
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.ROCM: "ROCMExecutionProvider",
    Provider.MIGRAPHX: "MIGraphXExecutionProvider",
    Provider.OPENVINO: "OpenVINOExecutionProvider",
    Provider.COREML: "CoreMLExecutionProvider",
    Provider.DIRECTML: "DmlExecutionProvider",
    Provider.CPU: "CPUExecutionProvider",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SkippedProvider:
    """A provider that was asked for and is not used."""

    provider: Provider
    reason: str  # one sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderChoice:
    """What models run on."""

    taken: tuple[Provider, ...]  # in the user's order; never empty
    skipped: tuple[SkippedProvider, ...]

    def without(self, provider: Provider, reason: str) -> "ProviderChoice":
        """The choice after that provider failed. Raises EngineUnavailable where none is left."""
        skipped = (*self.skipped, SkippedProvider(provider=provider, reason=reason))
        taken = tuple(p for p in self.taken if p is not provider)
        if not taken:
            raise none_left(skipped)
        return ProviderChoice(taken=taken, skipped=skipped)


def choose_providers(order: Iterable[str], *, runtime: OnnxRuntime | None = None) -> ProviderChoice:
    """The providers of this build in the user's order, and why each other one is skipped.

    Whether one really works shows only when a model is loaded: see `SessionCache`. Raises InvalidOption for a
    name that is none, RuntimeMissing without a runtime, EngineUnavailable where nothing of the order is here.
    """
    wanted = parse_order(order)
    available = (runtime or import_runtime()).get_available_providers()
    taken = tuple(p for p in wanted if p.runtime_name in available)
    skipped = tuple(
        SkippedProvider(provider=p, reason="The installed ONNX Runtime was built without it.")
        for p in wanted
        if p.runtime_name not in available
    )
    if not taken:
        raise none_left(skipped)
    return ProviderChoice(taken=taken, skipped=skipped)


def parse_order(order: Iterable[str]) -> tuple[Provider, ...]:
    """The user's words as providers, each once. Raises InvalidOption for a word that is none."""
    known = {provider.value: provider for provider in Provider}
    names = [name.strip().lower() for name in order]
    for name in names:
        if name not in known:
            raise InvalidOption(
                f"'{name}' is not an execution provider.", remedy=f"Use some of: {', '.join(known)}."
            )
    if not names:
        raise InvalidOption(
            "No execution provider is configured.", remedy=f"Use some of: {', '.join(known)}."
        )
    return tuple(dict.fromkeys(known[name] for name in names))


def none_left(skipped: Iterable[SkippedProvider]) -> EngineUnavailable:
    """The error that tells why each provider of the order was skipped."""
    reasons = " ".join(f"{s.provider.value}: {s.reason}" for s in skipped)
    return EngineUnavailable(
        f"None of the configured execution providers works here. {reasons}",
        remedy="Add 'cpu' to inference.providers, or install the runtime that has the one you want.",
    )


def provider_options(provider: Provider, *, gpu_memory_limit_bytes: int) -> dict[str, str]:
    """What a provider is told: a bound for its arena (0: none), and where TensorRT keeps compiled graphs.

    The arena grows by what is asked for, not by powers of two, so that shrinking it gives all back.
    """
    options: dict[str, str] = {}
    if provider in (Provider.CUDA, Provider.ROCM):
        options["arena_extend_strategy"] = "kSameAsRequested"
        if gpu_memory_limit_bytes:
            options["gpu_mem_limit"] = str(gpu_memory_limit_bytes)
    if provider is Provider.TENSORRT:
        options["trt_engine_cache_enable"] = "1"
        options["trt_engine_cache_path"] = str(
            Path(platformdirs.user_cache_dir("steadfast", ensure_exists=True)) / "tensorrt"
        )
        if gpu_memory_limit_bytes:
            options["trt_max_workspace_size"] = str(gpu_memory_limit_bytes)
    return options


def explain_absence(provider: Provider, runtime: OnnxRuntime) -> str:
    """Why a provider of the build did not initialise, in the words of the dynamic linker if it can tell.

    The runtime only writes that to stderr, so its provider library is loaded once more to hear it.
    """
    library = _provider_library(provider, runtime)
    if library is not None and library.is_file():
        try:
            shared = library.with_name(library.name.replace(provider.value, "shared"))
            if shared.is_file():
                ctypes.CDLL(str(shared), mode=ctypes.RTLD_GLOBAL)
            ctypes.CDLL(str(library))
        except OSError as error:
            return f"Its library does not load: {error}."
    return "It did not initialise: no such device, or its driver or libraries do not fit this ONNX Runtime."


def _provider_library(provider: Provider, runtime: OnnxRuntime) -> Path | None:
    """Where the runtime's package keeps the provider."""
    if not runtime.__file__:
        return None
    patterns: Mapping[str, str] = {
        "linux": "libonnxruntime_providers_{}.so",
        "win32": "onnxruntime_providers_{}.dll",
    }
    pattern = patterns.get(sys.platform)
    return Path(runtime.__file__).parent / "capi" / pattern.format(provider.value) if pattern else None
