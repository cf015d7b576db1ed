"""Stand-ins for packages that the reference imports and visual entailment does not use, and for torchvision.

Used only in the environment that `make parity-ofa` builds.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
import torch
from PIL import Image

_UNUSED = (
    "librosa",
    "torchaudio",
    "decord",
    "fairseq",
    "torchvision",
    "soundfile",
    "timm",
    "unicodedata2",
    "rapidfuzz",
    "zhconv",
    "pycocotools",
)


class _Unused(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012 — what makes a module a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (object,), {"__init__": lambda self, *_, **__: None})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] in _UNUSED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Unused(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ == "torchvision.transforms":
            for stand_in in (Compose, Resize, ToTensor, Normalize, InterpolationMode):
                setattr(module, stand_in.__name__, stand_in)


class InterpolationMode(Enum):
    """Of `Resize`."""

    BICUBIC = "bicubic"


class Compose:
    """One after the other."""

    def __init__(self, steps: Sequence[Callable[[Any], Any]]) -> None:
        self.steps = steps

    def __call__(self, value: Any) -> Any:
        for step in self.steps:
            value = step(value)
        return value


class Resize:
    """Of a PIL image, which torchvision leaves to PIL too."""

    def __init__(self, size: tuple[int, int], interpolation: object = None) -> None:
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.resize(self.size[::-1], Image.Resampling.BICUBIC)


class ToTensor:
    """(channels, height, width), 0 to 1."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image).transpose(2, 0, 1).copy()).float().div(255)


class Normalize:
    """Mean and deviation by channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = (torch.tensor(row)[:, None, None] for row in (mean, std))

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        return (picture - self.mean) / self.std


def install() -> None:
    """Puts the stand-ins before whatever is installed."""
    sys.meta_path.insert(0, _Finder())
