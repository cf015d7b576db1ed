"""Weights of an OFA folder, under the names of ModelScope and Hugging Face or fairseq's."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from steadfast.entailment.ofa.network import Ofa
from steadfast.errors import InputMissing, ModelDamaged, ModelUnsupported

WEIGHTS = ("pytorch_model.bin", "model.safetensors", "checkpoint.pt", "checkpoint_best.pt")
"""Looked for in this order."""
_FROM_FAIRSEQ = (
    (re.compile(r"\.encoder_attn_layer_norm\."), ".cross_attn_layer_norm."),
    (re.compile(r"\.encoder_attn\."), ".cross_attn."),
    (re.compile(r"\.cross_attn_ln\."), ".cross_attn_mid_layer_norm."),
    (re.compile(r"\.(?:self_)?attn_ln\."), ".self_attn_mid_layer_norm."),
    (re.compile(r"\.ffn_layernorm\."), ".ffn_layer_norm."),
)
_NOT_NEEDED = re.compile(
    r"""(?x)
    (?:encoder|decoder)\.version
    | .*\.num_batches_tracked
    | (?:encoder|decoder)\.(?:token_rp_bucket|image_rp_bucket)           # made anew
    | decoder\.(?:image_position_idx|embed_image_positions\.weight)      # for making pictures
    | decoder\.(?:image_pos_ln|code_layernorm_embedding)\.(?:weight|bias)
    | decoder\.image_rel_pos_table_list\.\d+\.weight
    | decoder\.(?:embed_tokens|output_projection)\.weight                # that of the encoder
    | encoder\.classification_heads\..*
    """
)
_SHARED = ("decoder.embed_tokens.weight", "decoder.output_projection.weight")


def find_weights(folder: Path) -> Path:
    """The file with the weights. Raises `InputMissing`."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise InputMissing(f"{folder} holds no weights; looked for were {', '.join(WEIGHTS)}.")


def read_weights(file: Path) -> dict[str, Tensor]:
    """Tensors by name, without running anything that the file holds. Raises `ModelDamaged`."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415 — only some folders have one

            return dict(load_file(file))
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # the boundary: unpicklers and readers raise anything
        raise ModelDamaged(
            f"{file} cannot be read as plain weights: {error}.",
            remedy="Download it again; files that hold more than tensors are refused.",
        ) from error
    found = content.get("model", content) if isinstance(content, Mapping) else content
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ModelUnsupported(f"{file} holds no table of tensors.")
    return dict(found)


def load_weights(ofa: Ofa, weights: Mapping[str, Tensor]) -> None:
    """Fills the network; raises `ModelUnsupported` with a name that is missing, unknown or misshapen."""
    renamed = {_renamed(name): tensor.float() for name, tensor in weights.items()}
    _check_shared(renamed)
    needed = ofa.state_dict()
    needed = {name: tensor for name, tensor in needed.items() if not _NOT_NEEDED.fullmatch(name)}
    given = {name: tensor for name, tensor in renamed.items() if not _NOT_NEEDED.fullmatch(name)}
    _refuse("has no", sorted(needed.keys() - given.keys()))
    _refuse("has an unknown", sorted(given.keys() - needed.keys()))
    _refuse("has a misshapen", [name for name in needed if needed[name].shape != given[name].shape])
    ofa.load_state_dict(given, strict=False)  # strict above, with one sentence for an error


def _renamed(name: str) -> str:
    name = name.removeprefix("module.").removeprefix("model.")
    for pattern, replacement in _FROM_FAIRSEQ:
        name = pattern.sub(replacement, name)
    return name


def _check_shared(weights: Mapping[str, Tensor]) -> None:
    words = weights.get("encoder.embed_tokens.weight")
    for name in _SHARED:
        other = weights.get(name)
        if words is not None and other is not None and not torch.equal(words, other):
            raise ModelUnsupported(f"The checkpoint has a {name} of its own; only a shared one is known.")


def _refuse(what: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ModelUnsupported(f"The checkpoint {what} {names[0]}{more}.")
