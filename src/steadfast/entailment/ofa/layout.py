"""The shape of an OFA network, from the `config.json` of its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steadfast.errors import ModelUnsupported

RESNETS: dict[str, tuple[int, int, int]] = {
    "resnet18": (2, 2, 2),
    "resnet34": (3, 4, 6),
    "resnet50": (3, 4, 6),
    "resnet101": (3, 4, 23),
    "resnet152": (3, 8, 36),
}
"""Blocks per stage, all of them bottlenecks; the fourth stage of the original is left out."""
_REQUIRED: Mapping[str, tuple[Any, Any]] = {
    "activation_function": ("gelu", "gelu"),
    "add_type_embedding": (True, True),
    "code_layernorm_embedding": (True, True),
    "decoder_normalize_before": (True, True),
    "encoder_normalize_before": (True, True),
    "layernorm_embedding": (True, True),
    "normformer": (True, True),
    "patch_layernorm_embedding": (True, True),
    "share_decoder_input_output_embed": (True, True),
    "use_gamma_feature": (False, False),
    "use_image_feature": (True, True),
    "use_ofasys": (False, False),
    "bos_token_id": (0, 0),
    "pad_token_id": (1, 1),
    "eos_token_id": (2, 2),
}
"""What this network is built for, and what a folder means that says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OfaLayout:
    """Sizes and variants."""

    vocab_size: int
    d_model: int
    encoder_layers: int
    encoder_heads: int
    encoder_ffn: int
    decoder_layers: int
    decoder_heads: int
    decoder_ffn: int
    max_positions: int = 1024
    resnet: str = "resnet101"
    token_bucket_size: int = 256
    image_bucket_size: int = 42
    attn_scale_factor: float = 2.0
    scale_embedding: bool = False
    share_attn_bias: bool = False
    entangle_position_embedding: bool = False
    disable_entangle: bool = False
    interpolate_position: bool = False
    orig_patch_image_size: int = 224


def read_layout(config: Mapping[str, Any]) -> OfaLayout:
    """The layout that a `config.json` means. Raises `ModelUnsupported` with the name of what is not known."""
    for name, (wanted, usual) in _REQUIRED.items():
        if config.get(name, usual) != wanted:
            raise ModelUnsupported(
                f"config.json has {name} = {config[name]!r}; only {wanted!r} is known here."
            )
    resnet = config.get("resnet_type", "resnet101")
    if resnet not in RESNETS:
        raise ModelUnsupported(f"config.json has resnet_type = {resnet!r}; known are {', '.join(RESNETS)}.")
    try:
        return OfaLayout(
            vocab_size=int(config["vocab_size"]),
            d_model=int(config["d_model"]),
            encoder_layers=int(config["encoder_layers"]),
            encoder_heads=int(config["encoder_attention_heads"]),
            encoder_ffn=int(config["encoder_ffn_dim"]),
            decoder_layers=int(config["decoder_layers"]),
            decoder_heads=int(config["decoder_attention_heads"]),
            decoder_ffn=int(config["decoder_ffn_dim"]),
            resnet=resnet,
            max_positions=int(config.get("max_position_embeddings", 1024)),
            token_bucket_size=int(config.get("token_bucket_size", 256)),
            image_bucket_size=int(config.get("image_bucket_size", 42)),
            attn_scale_factor=float(config.get("attn_scale_factor", 2.0)),
            scale_embedding=bool(config.get("scale_embedding", False)),
            share_attn_bias=bool(config.get("share_attn_bias", False)),
            entangle_position_embedding=bool(config.get("entangle_position_embedding", False)),
            disable_entangle=bool(config.get("disable_entangle", False)),
            interpolate_position=bool(config.get("interpolate_position", False)),
            orig_patch_image_size=int(config.get("orig_patch_image_size", 224)),
        )
    except KeyError as error:
        raise ModelUnsupported(f"config.json does not say {error.args[0]}.") from error
