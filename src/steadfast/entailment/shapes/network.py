"""The embedded model: four convolutions see the picture, four text blocks read, and two of them look.

Needs the extra `train`. At run time its ONNX graph stands in for it.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.shapes.world import Colour, Shape
from steadfast.entailment.words import MAX_WORDS, PADDING, WORD_COUNT

SIDE_PX = 64
"""Of the picture that it sees."""
CELLS = 8
"""Cells along a side of what the convolutions answer."""
_WIDTH = 96
_HEADS = 4
_LOOKING = (0, 1)  # of the four text blocks; what is left reasons about what was seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the network says; all but `logits` is only learned from."""

    logits: Tensor
    """(sentences, 3), in the order of `ANSWERS`."""
    colours: Tensor
    """(pictures, cells, colours + 1): what lies in each cell; the last is nothing."""
    shapes: Tensor
    """(pictures, cells, shapes + 1)."""
    places: Tensor
    """(sentences, words, 2): where the shape is that a word names, as shares of the side."""
    found: Tensor
    """(sentences, words, 3): how many shapes fit what a word names: none, one, more."""

    def as_float(self) -> "Reading":
        """The same in 32 bits."""
        return Reading(**{name: getattr(self, name).float() for name in self.__slots__})


class Sight(nn.Module):
    """A picture as 8 × 8 cells."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, _WIDTH)
        layers: list[nn.Module] = []
        for inner, outer in pairwise(widths):
            layers += [nn.Conv2d(inner, outer, 3, 2, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()]
        layers += [nn.Conv2d(_WIDTH, _WIDTH, 3, 1, 1, bias=False), nn.BatchNorm2d(_WIDTH), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """(pictures, 64, width) of (pictures, 3, 64, 64) in 0 to 1."""
        seen: Tensor = self.layers(pictures * 2.0 - 1.0)
        return seen.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Attention of words to words, or of words to cells."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(_WIDTH, _WIDTH)
        self.key_value = nn.Linear(_WIDTH, 2 * _WIDTH)
        self.out = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, words: Tensor, looked_at: Tensor, bias: Tensor | None) -> Tensor:
        query = self._split(self.query(words))
        key, value = (self._split(part) for part in self.key_value(looked_at).chunk(2, -1))
        scores = query @ key.transpose(-1, -2) / (_WIDTH // _HEADS) ** 0.5
        if bias is not None:
            scores = scores + bias
        answer: Tensor = self.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))
        return answer

    def _split(self, rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (_HEADS, _WIDTH // _HEADS)).transpose(1, 2)


class TextBlock(nn.Module):
    """Words look at each other, at the picture if they are to, and think."""

    def __init__(self, *, looks: bool) -> None:
        super().__init__()
        self.read_norm, self.read = nn.LayerNorm(_WIDTH), Attention()
        self.looks = looks
        if looks:
            self.look_norm, self.look = nn.LayerNorm(_WIDTH), Attention()
        self.think = nn.Sequential(
            nn.LayerNorm(_WIDTH), nn.Linear(_WIDTH, 2 * _WIDTH), nn.GELU(), nn.Linear(2 * _WIDTH, _WIDTH)
        )

    def forward(self, words: Tensor, cells: Tensor, padding: Tensor) -> Tensor:
        normed = self.read_norm(words)
        words = words + self.read(normed, normed, padding)
        if self.looks:
            # Several sentences of one picture look at it together: its cells are not copied for each.
            asked = self.look_norm(words)
            if cells.shape[0] != words.shape[0]:  # not len(): an export would take it for a constant
                seen = self.look(asked.reshape(cells.shape[0], -1, _WIDTH), cells, None).reshape(words.shape)
            else:
                seen = self.look(asked, cells, None)
            words = words + seen
        return words + self.think(words)


class ShapesNetwork(nn.Module):
    """The whole; `forward` is what is exported, `read` what is learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.sight = Sight()
        self.cell_places = nn.Parameter(torch.randn(CELLS * CELLS, _WIDTH) * 0.2)
        self.word_table = nn.Embedding(WORD_COUNT, _WIDTH)
        self.word_places = nn.Parameter(torch.randn(MAX_WORDS + 1, _WIDTH) * 0.1)
        self.blocks = nn.ModuleList(TextBlock(looks=number in _LOOKING) for number in range(4))
        self.verdict = nn.Sequential(nn.LayerNorm(_WIDTH), nn.Linear(_WIDTH, len(ANSWERS)))
        self.cell_colour = nn.Linear(_WIDTH, len(Colour) + 1)
        self.cell_shape = nn.Linear(_WIDTH, len(Shape) + 1)
        self.place = nn.Linear(_WIDTH, 2)
        self.found = nn.Linear(_WIDTH, 3)
        # Set after training, see `calibration`.
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("usual_traits", torch.zeros(2 * _WIDTH))
        self.register_buffer("whitening", torch.zeros(2 * _WIDTH, 2 * _WIDTH))
        nn.init.normal_(self.word_table.weight, std=0.3)

    def forward(self, pictures: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities (n, 3) and strangeness (n,) of pictures (n, 3, 64, 64) and ids (n, words)."""
        seen = self.sight(pictures)
        words, _ = self._reason(seen + self.cell_places, ids)
        logits = self.verdict(words[:, 0]) / self.temperature
        return logits.softmax(-1), self.strangeness(seen)

    def traits(self, seen: Tensor) -> Tensor:
        """(pictures, 2 × width): mean and spread over the cells; what a picture is like as a whole."""
        mean = seen.mean(1)
        return torch.cat([mean, ((seen - mean[:, None]) ** 2).mean(1).sqrt()], 1)

    def strangeness(self, seen: Tensor) -> Tensor:
        """(pictures,): how far the traits are from those of scenes; above 1: outside their world."""
        away = (self.traits(seen) - self.usual_traits) @ self.whitening
        return (away**2).mean(1).sqrt()

    def read(self, pictures: Tensor, ids: Tensor) -> Reading:
        """As `forward`, for ids of several sentences per picture: (pictures × sentences, words)."""
        seen = self.sight(pictures)
        words, looked = self._reason(seen + self.cell_places, ids)
        return Reading(
            logits=self.verdict(words[:, 0]),
            colours=self.cell_colour(seen),
            shapes=self.cell_shape(seen),
            places=self.place(looked),
            found=self.found(looked),
        )

    def _reason(self, cells: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The words at the end, and after they have looked."""
        padding = (ids == PADDING)[:, None, None, :] * -1e4
        words = self.word_table(ids) + self.word_places[: ids.shape[1]]
        looked = words
        for number, block in enumerate(self.blocks):
            words = block(words, cells, padding)
            looked = words if number in _LOOKING else looked
        return words, looked
