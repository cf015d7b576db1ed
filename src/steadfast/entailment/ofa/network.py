"""OFA in plain PyTorch, as far as questions with fixed answers need it. Needs the extra `convert`.

Names of modules are those of the checkpoints that ModelScope and Hugging Face carry: they load strictly.
Sources: Wang et al., "OFA: Unifying Architectures, Tasks, and Modalities Through a Simple
Sequence-to-Sequence Learning Framework" (2022); NormFormer (Shleifer, Weston and Ott 2021) for the inner
norms and the scaled heads; positions untied from contents as in TUPE (Ke, He and Liu 2021); relative
positions of patches as in BEiT.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, interpolate

from steadfast.entailment.ofa.layout import RESNETS, OfaLayout

PAD, EOS = 1, 2
_STRIDE_PX = 16


def token_buckets(size: int, longest: int) -> Tensor:
    """(longest, longest): near distances as they are, far ones in steps that grow."""
    distance = torch.arange(longest)[:, None] - torch.arange(longest)[None, :]
    middle = size // 2
    far = torch.where(distance.abs() < middle, middle - 1, distance.abs())
    logarithm = torch.ceil(torch.log(far / middle) / math.log((longest - 1) / middle) * (middle - 1)) + middle
    bucket = torch.where(far <= middle, distance, logarithm.int() * distance.sign())
    return bucket.long() + size - 1


def image_buckets(size: int) -> Tensor:
    """(size² + 1, size² + 1): distances of patches in two dimensions; 0 stands for no patch."""
    rows, columns = (axis.flatten() for axis in torch.meshgrid(*[torch.arange(size)] * 2, indexing="ij"))
    span = 2 * size - 1
    apart = (rows[:, None] - rows[None, :] + size - 1) * span + columns[:, None] - columns[None, :] + size - 1
    buckets = torch.empty((size * size + 1,) * 2, dtype=torch.long)
    buckets[1:, 1:] = apart
    buckets[0, :], buckets[:, 0], buckets[0, 0] = span * span, span * span + 1, span * span + 2
    return buckets


class Bottleneck(nn.Module):
    """A block of ResNet v1.5 (the stride is in the middle)."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or inner != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inner, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Half the side where the stride is 2."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(out)))))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Three stages: 1024 channels at a sixteenth of the side."""

    def __init__(self, blocks: tuple[int, int, int]) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(64, 64, blocks[0], 1)
        self.layer2 = self._stage(256, 128, blocks[1], 2)
        self.layer3 = self._stage(512, 256, blocks[2], 2)

    @staticmethod
    def _stage(inner: int, width: int, count: int, stride: int) -> nn.Sequential:
        more = [Bottleneck(4 * width, width, 1) for _ in range(count - 1)]
        return nn.Sequential(Bottleneck(inner, width, stride), *more)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 1024, h, w)."""
        x: Tensor = self.maxpool(torch.relu(self.bn1(self.conv1(pictures))))
        return self.layer3(self.layer2(self.layer1(x)))


def _heads(rows: Tensor, count: int) -> Tensor:
    return rows.unflatten(-1, (count, -1)).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head attention with a bias for positions and a scale per head."""

    def __init__(self, width: int, heads: int, scale_factor: float) -> None:
        super().__init__()
        self.heads, self.scaling = heads, float(width // heads * scale_factor) ** -0.5
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.c_attn = nn.Parameter(torch.ones(heads))

    def forward(self, x: Tensor, looked_at: Tensor, bias: Tensor) -> Tensor:
        """`bias` (n, heads, len(x), len(looked_at)) holds positions and what may not be looked at."""
        query = _heads(self.q_proj(x) * self.scaling, self.heads)
        key, value = _heads(self.k_proj(looked_at), self.heads), _heads(self.v_proj(looked_at), self.heads)
        weights = (query @ key.transpose(-1, -2) + bias).softmax(-1)
        answer: Tensor = self.out_proj(
            ((weights @ value) * self.c_attn[:, None, None]).transpose(1, 2).flatten(2)
        )
        return answer


class Layer(nn.Module):
    """What encoder and decoder layers share."""

    def __init__(self, width: int, ffn: int, heads: int, scale_factor: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, scale_factor)
        self.self_attn_layer_norm, self.self_attn_mid_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, ffn), nn.Linear(ffn, width)
        self.ffn_layer_norm, self.final_layer_norm = nn.LayerNorm(ffn), nn.LayerNorm(width)

    def attend(self, x: Tensor, bias: Tensor) -> Tensor:
        """Looks at itself."""
        normed = self.self_attn_layer_norm(x)
        return x + self.self_attn_mid_layer_norm(self.self_attn(normed, normed, bias))

    def think(self, x: Tensor) -> Tensor:
        """The feed-forward half."""
        inner = nn.functional.gelu(self.fc1(self.final_layer_norm(x)))
        return x + self.fc2(self.ffn_layer_norm(inner))


class EncoderLayer(Layer):
    """Looks at itself, then thinks."""

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        return self.think(self.attend(x, bias))


class DecoderLayer(Layer):
    """Looks at itself, at the encoder's answer, then thinks."""

    def __init__(self, width: int, ffn: int, heads: int, scale_factor: float) -> None:
        super().__init__(width, ffn, heads, scale_factor)
        self.cross_attn = Attention(width, heads, scale_factor)
        self.cross_attn_layer_norm, self.cross_attn_mid_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor, seen: Tensor, cross_bias: Tensor) -> Tensor:
        x = self.attend(x, bias)
        looked = self.cross_attn(self.cross_attn_layer_norm(x), seen, cross_bias)
        return self.think(x + self.cross_attn_mid_layer_norm(looked))


class Half(nn.Module):
    """What encoder and decoder share: words, their positions, and the tables of relative positions."""

    def __init__(self, layout: OfaLayout, heads: int, layers: int) -> None:
        super().__init__()
        width = layout.d_model
        self.layout, self.heads = layout, heads
        self.pos_scaling = float(width / heads * layout.attn_scale_factor) ** -0.5
        self.embed_scale = math.sqrt(width) if layout.scale_embedding else 1.0
        self.embed_tokens = nn.Embedding(layout.vocab_size, width)
        self.layernorm_embedding, self.layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.embed_positions = nn.Embedding(layout.max_positions + 2, width)
        self.pos_ln = nn.LayerNorm(width)
        tables = 1 if layout.share_attn_bias else layers
        self.token_rel_pos_table_list = nn.ModuleList(
            nn.Embedding(2 * layout.token_bucket_size - 1, heads) for _ in range(tables)
        )
        # 1024: the length for which the buckets of the checkpoints were made, whatever their positions are.
        self.register_buffer(
            "token_rp_bucket", token_buckets(layout.token_bucket_size, 1024), persistent=False
        )

    def positions_of(self, ids: Tensor) -> Tensor:
        """(n, words, width)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        positions: Tensor = self.embed_positions(places)[None].expand(ids.shape[0], -1, -1)
        return positions

    def relative(self, length: int, layer: int) -> Tensor:
        """(1, heads, words, words)."""
        table = self.token_rel_pos_table_list[0 if self.layout.share_attn_bias else layer].weight
        bias = embedding(self.token_rp_bucket[:length, :length], table)
        return bias.permute(2, 0, 1)[None]

    def absolute(self, query: Tensor, key: Tensor) -> Tensor:
        """(n, heads, queries, keys)."""
        scaled = _heads(query, self.heads) * self.pos_scaling
        return scaled @ _heads(key, self.heads).transpose(-1, -2)


class Encoder(Half):
    """Reads picture and sentence."""

    def __init__(self, layout: OfaLayout) -> None:
        super().__init__(layout, layout.encoder_heads, layout.encoder_layers)
        width, bucket = layout.d_model, layout.image_bucket_size
        self.type_embedding = nn.Embedding(2, width)
        self.embed_images = ResNet(RESNETS[layout.resnet])
        self.image_proj = nn.Linear(1024, width)
        self.patch_layernorm_embedding = nn.LayerNorm(width)
        self.embed_image_positions = nn.Embedding(bucket**2 + 1, width)
        self.image_pos_ln = nn.LayerNorm(width)
        self.pos_q_linear, self.pos_k_linear = nn.Linear(width, width), nn.Linear(width, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, layout.encoder_ffn, self.heads, layout.attn_scale_factor)
            for _ in range(layout.encoder_layers)
        )
        self.image_rel_pos_table_list = nn.ModuleList(
            nn.Embedding((2 * bucket - 1) ** 2 + 3, self.heads) for _ in self.token_rel_pos_table_list
        )
        self.register_buffer("image_rp_bucket", image_buckets(bucket), persistent=False)

    def forward(self, pictures: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What was read (n, all, width), its positions, and a bias against padding (n, 1, 1, all)."""
        patches = self.embed_images(pictures)
        side = patches.shape[-1]
        places = (
            torch.arange(side)[:, None] * self.layout.image_bucket_size + torch.arange(side) + 1
        ).flatten()
        image_positions = self._image_positions(side, places).expand(ids.shape[0], -1, -1)
        positions = self.positions_of(ids)
        x = self._embedded(patches.flatten(2).transpose(1, 2), ids, image_positions, positions)
        padding = torch.cat([ids.new_zeros(ids.shape[0], len(places)), (ids == PAD).long()], 1)
        x = x * (1 - padding)[..., None].to(x.dtype)
        against_padding = padding[:, None, None, :].to(x.dtype) * torch.finfo(x.dtype).min
        positions = torch.cat([self.image_pos_ln(image_positions), self.pos_ln(positions)], 1)
        shared = self.absolute(self.pos_q_linear(positions), self.pos_k_linear(positions)) + against_padding
        for number, layer in enumerate(self.layers):
            x = layer(x, shared + self._relative_of_both(places, ids.shape[1], number))
        return self.layer_norm(x), positions, against_padding

    def _image_positions(self, side: int, places: Tensor) -> Tensor:
        """(1, patches, width)."""
        usual = self.layout.orig_patch_image_size // _STRIDE_PX
        if not (self.layout.interpolate_position and side > usual):
            return self.embed_image_positions(places)[None]
        known = torch.arange(usual)[:, None] * self.layout.image_bucket_size + torch.arange(usual) + 1
        grid = self.embed_image_positions(known).permute(2, 0, 1)[None]
        return interpolate(grid, size=(side, side), mode="bilinear").flatten(2).transpose(1, 2)

    def _embedded(self, patches: Tensor, ids: Tensor, image_positions: Tensor, positions: Tensor) -> Tensor:
        kinds = self.type_embedding.weight
        words = self.embed_scale * self.embed_tokens(ids)
        image = self.embed_scale * self.image_proj(patches)
        if self.layout.entangle_position_embedding:
            words, image = words + positions, image + image_positions
        words = self.layernorm_embedding(words + kinds[0])
        return torch.cat([self.patch_layernorm_embedding(image + kinds[1]), words], 1)

    def _relative_of_both(self, places: Tensor, words: int, layer: int) -> Tensor:
        """(1, heads, patches + words, the same): nothing between patches and words."""
        table = self.image_rel_pos_table_list[0 if self.layout.share_attn_bias else layer].weight
        among_patches = embedding(self.image_rp_bucket[places][:, places], table).permute(2, 0, 1)[None]
        count = len(places)
        above = nn.functional.pad(among_patches, (0, words))
        below = nn.functional.pad(self.relative(words, layer), (count, 0))
        return torch.cat([above, below], 2)


class Decoder(Half):
    """Says how likely each next word is."""

    def __init__(self, layout: OfaLayout) -> None:
        super().__init__(layout, layout.decoder_heads, layout.decoder_layers)
        width = layout.d_model
        for name in ("self_pos_q_linear", "self_pos_k_linear", "cross_pos_q_linear", "cross_pos_k_linear"):
            setattr(self, name, nn.Linear(width, width))
        self.layers = nn.ModuleList(
            DecoderLayer(width, layout.decoder_ffn, self.heads, layout.attn_scale_factor)
            for _ in range(layout.decoder_layers)
        )

    def forward(self, ids: Tensor, seen: Tensor, seen_positions: Tensor, against_padding: Tensor) -> Tensor:
        """(n, words, width): multiplied by `embed_tokens` these are logits."""
        raw = self.positions_of(ids)
        positions = self.pos_ln(raw)
        x = self.embed_scale * self.embed_tokens(ids)
        if self.layout.entangle_position_embedding and not self.layout.disable_entangle:
            x = x + raw
        x = self.layernorm_embedding(x)
        places = torch.arange(ids.shape[1], device=ids.device)
        ahead = (places[None, :] > places[:, None]).to(x.dtype) * torch.finfo(x.dtype).min
        shared = self.absolute(self.self_pos_q_linear(positions), self.self_pos_k_linear(positions)) + ahead
        cross = self.absolute(self.cross_pos_q_linear(positions), self.cross_pos_k_linear(seen_positions))
        for number, layer in enumerate(self.layers):
            bias = shared + self.relative(ids.shape[1], number)
            x = layer(x, bias, seen, cross + against_padding)
        return self.layer_norm(x)


class Ofa(nn.Module):
    """Encoder and decoder over one table of words."""

    def __init__(self, layout: OfaLayout) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(layout), Decoder(layout)
        self.decoder.embed_tokens = self.encoder.embed_tokens


class PromptedAnswers(nn.Module):
    """`image, ids, answers → logprobs`: answers of one token each, right after the prompt."""

    def __init__(self, ofa: Ofa, *, prompted: bool) -> None:
        super().__init__()
        self.ofa, self.prompted = ofa, prompted

    def forward(self, image: Tensor, ids: Tensor, answers: Tensor) -> Tensor:
        """(n, answers) of image (n, 3, s, s), ids (n, words) filled up with 1, and answers (answers,)."""
        seen, positions, against_padding = self.ofa.encoder(image, ids)
        # Without its end. Of a shorter row an end and padding stay; nothing before them looks ahead.
        said = ids[:, :-1] if self.prompted else ids[:, :1]
        last = ((ids != PAD).sum(1) - 2) if self.prompted else ids.new_zeros(ids.shape[0])
        hidden = self.ofa.decoder(said, seen, positions, against_padding)
        spot = hidden.gather(1, last[:, None, None].expand(-1, 1, hidden.shape[-1]))[:, 0]
        return (spot @ self.ofa.encoder.embed_tokens(answers).T).log_softmax(-1)


class SpelledAnswers(nn.Module):
    """`image, ids, prefixes, allowed → logprobs`: answers of several tokens, a row per place of parting."""

    def __init__(self, ofa: Ofa, *, prompted: bool) -> None:
        super().__init__()
        self.ofa, self.prompted = ofa, prompted

    def forward(self, image: Tensor, ids: Tensor, prefixes: Tensor, allowed: Tensor) -> Tensor:
        """(places, choices) of one image and prompt; `prefixes` and `allowed` are filled up with 1."""
        seen, positions, against_padding = self.ofa.encoder(image, ids)
        prompt = ids[:, :-1] if self.prompted else ids[:, :1]
        places = prefixes.shape[0]
        said = torch.cat([prompt.expand(places, -1), prefixes], 1)
        hidden = self.ofa.decoder(
            said,
            seen.expand(places, -1, -1),
            positions.expand(places, -1, -1),
            against_padding.expand(places, -1, -1, -1),
        )
        last = prompt.shape[1] - 1 + (prefixes != PAD).sum(1)
        spot = hidden.gather(1, last[:, None, None].expand(-1, 1, hidden.shape[-1]))
        logits = (spot @ self.ofa.encoder.embed_tokens(allowed).transpose(1, 2))[:, 0]
        return logits.masked_fill(allowed == PAD, torch.finfo(logits.dtype).min).log_softmax(-1)
