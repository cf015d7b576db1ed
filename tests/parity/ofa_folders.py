"""Folders as a user would have downloaded them, with random weights: the same seed writes the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LAYOUTS: dict[str, dict[str, Any]] = {
    "tiny": {
        **{"d_model": 64, "vocab_size": 10192, "resnet_type": "resnet50", "patch_image_size": 96},
        **{"encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 128},
        **{"decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 128},
    },
    "base": {
        **{"d_model": 768, "vocab_size": 59457, "resnet_type": "resnet101", "patch_image_size": 384},
        **{"encoder_layers": 6, "encoder_attention_heads": 12, "encoder_ffn_dim": 3072},
        **{"decoder_layers": 6, "decoder_attention_heads": 12, "decoder_ffn_dim": 3072},
    },
    "large": {
        **{"d_model": 1024, "vocab_size": 59457, "resnet_type": "resnet152", "patch_image_size": 480},
        **{"encoder_layers": 12, "encoder_attention_heads": 16, "encoder_ffn_dim": 4096},
        **{"decoder_layers": 12, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096},
    },
}
_ADDED = 9192
"""Tokens for pictures and places that the reference adds to the vocabulary."""
QUESTIONS: list[tuple[str, str | None]] = [
    ("two dogs play in the snow", None),
    ("A man's half-eaten sandwich, on a table!", None),
    ("It is 12:30 in the café — nobody's there", None),
    ("two dogs play in the snow", "a dog and its owner near a lake"),
]
_ENGLISH = (
    "does the image describe can and text1 text2 imply two dogs play in the snow a man s half eaten sandwich "
    "on table it is 12 30 caf nobody there no yes maybe dog its owner near lake"
)


def write_files(folder: Path, layout: str, *, answers: tuple[str, ...] = ("no", "yes", "maybe")) -> None:
    """Everything but the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = dict(LAYOUTS[layout])
    side_px = sizes.pop("patch_image_size")
    model = {
        **{"type": "ofa", "language": "en", "gen_type": "traverse", "prompt_type": "prev_output"},
        **{"patch_image_size": side_px, "imagenet_default_mean_and_std": False, "max_src_length": 80},
        **{"answer2label": "ans2label.json", "beam_search": {"beam_size": 3}},
    }
    whole = {"framework": "pytorch", "task": "visual-entailment", "model": model, "pipeline": {"type": "ofa"}}
    _write(folder / "configuration.json", whole)
    _write(folder / "config.json", {"model_type": "ofa", "normformer": True, **sizes})
    _write(folder / "ans2label.json", {answer: number for number, answer in enumerate(answers)})
    write_vocabulary(folder, sizes["vocab_size"] - _ADDED)


def write_vocabulary(folder: Path, size: int) -> None:
    """A byte-level vocabulary that knows some words whole and spells the others; no text uses the rest."""
    merges: list[str] = []
    words: list[str] = []
    for word in dict.fromkeys(_ENGLISH.split()):
        parts = ["Ġ", *word]
        while len(parts) > 1:
            pair = f"{parts[0]} {parts[1]}"
            if pair not in merges:
                merges.append(pair)
            parts = [parts[0] + parts[1], *parts[2:]]
            if parts[0] not in words:
                words.append(parts[0])
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = [chr(byte) for byte in visible] + [chr(256 + number) for number in range(256 - len(visible))]
    numbers = {name: number for number, name in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])}
    for token in (*signs, *words):
        numbers.setdefault(token, len(numbers))
    for number in range(len(numbers), size):
        numbers[f"unused{number}"] = number
    _write(folder / "vocab.json", numbers)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


def picture(seed: int, width: int = 150, height: int = 110) -> NDArray[np.uint8]:
    """(height, width, 3), red, green, blue: soft random blobs."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def perturbed(  # noqa: PLR0911 — a table of cases
    name: str, shape: tuple[int, ...], seed: int
) -> NDArray[np.float32]:
    """Random values by name, so that no norm is the identity and no table is nothing."""
    key = [seed, *name.encode()]
    random = np.random.default_rng(key)
    values = random.standard_normal(shape, np.float32)
    if name.endswith("running_var"):
        return np.asarray(np.exp(0.2 * values), np.float32)
    if name.endswith("running_mean"):
        return 0.1 * values
    if ".bn" in name or "norm" in name or "_ln." in name or "downsample.1" in name or "c_attn" in name:
        return 0.1 * values if name.endswith("bias") else 1 + 0.2 * values
    if "rel_pos_table" in name:
        return 0.3 * values
    if name.endswith("bias"):
        return 0.05 * values
    if "embed" in name and len(shape) == 2:
        # Words get smaller with the width, as where the reference begins: else there is only more to round.
        return np.asarray(values * (2.4 * shape[1] ** -0.5 if "tokens" in name else 0.5), np.float32)
    return np.asarray(values * (1.0 / np.sqrt(np.prod(shape[1:], dtype=float))), np.float32)


def _write(file: Path, document: Any) -> None:
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
