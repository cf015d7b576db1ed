"""Sentences and pictures as OFA was trained on them."""

import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steadfast.entailment.model import Pixels
from steadfast.entailment.ofa.manifest import OfaManifest
from steadfast.entailment.ofa.tokenizer import BEGIN, END, BytePairTokenizer
from steadfast.errors import InvalidOption, TextTooLong

_LEADING = ",.!?*#:;~"
_SPACES = re.compile(r"\s{2,}")


def plain_words(sentence: str) -> str:
    """Small letters, without leading signs, hyphens and slashes."""
    lowered = sentence.lower().lstrip(_LEADING).replace("-", " ").replace("/", " ")
    return _SPACES.sub(" ", lowered).rstrip("\n").strip(" ")


def prompt_ids(
    manifest: OfaManifest, tokenizer: BytePairTokenizer, sentence: str, caption: str | None
) -> list[int]:
    """The prompt as numbers, with begin and end.

    Raises `TextTooLong` where it does not fit; `InvalidOption` for a caption where the model's prompt has no
    place for one, and the other way round.
    """
    prompt = manifest.describes if caption is None else manifest.implies
    if not prompt:
        wants = "needs" if caption is None else "does not take"
        raise InvalidOption(f"This model {wants} a caption.", remedy="Its prompt was set by who trained it.")
    texts = [plain_words(sentence)] if caption is None else [plain_words(caption), plain_words(sentence)]
    numbers = tokenizer.encode(prompt.format(*texts))
    if len(numbers) > manifest.max_tokens:
        raise TextTooLong(f"The question has {len(numbers)} tokens; the model reads {manifest.max_tokens}.")
    return [BEGIN, *numbers, END]


def patch_image(manifest: OfaManifest, pixels: Pixels) -> NDArray[np.float32]:
    """(3, side, side), red, green, blue, bicubic, normalised."""
    side = (manifest.side_px, manifest.side_px)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])).resize(side, Image.Resampling.BICUBIC)
    values = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
    mean, deviation = (
        np.array(row, np.float32)[:, None, None] for row in (manifest.mean, manifest.deviation)
    )
    return np.ascontiguousarray((values - mean) / deviation)
