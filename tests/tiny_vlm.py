"""Tiny random picture-and-text models as folders, and what the backend makes of them; needs transformers."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertTokenizerFast,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    PreTrainedTokenizerFast,
    ViltConfig,
    ViltForQuestionAnswering,
    ViltImageProcessor,
    ViltProcessor,
)

from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Question
from steadfast.entailment.vlm import VlmModel
from steadfast.errors import ModelUnsupported

_SPECIAL = [
    *("<pad>", "<s>", "</s>", "<unk>"),
    *("<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"),
]
_WORDS = (
    'Does the image show that Answer with one word yes no or maybe red circle a User Assistant : . , ? " it'
)
_TEMPLATE = (
    "{% for m in messages %}User:{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}Assistant:"
)
_SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def pixels() -> Any:
    """Blue, green, red."""
    return np.random.default_rng(1).integers(0, 256, (80, 90, 3), np.uint8)


def classifier(folder: Path, labels: str) -> dict[str, Any]:
    """A ViLT of these labels: what the backend says, and the network itself."""
    torch.manual_seed(1)
    names = labels.split(",")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "circle"]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = ViltConfig(
        vocab_size=len(words),
        image_size=64,
        patch_size=32,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        **_SMALL,
    )
    ViltForQuestionAnswering(config).eval().save_pretrained(folder)
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"))
    processor = ViltProcessor(ViltImageProcessor(size={"shortest_edge": 64}), tokenizer)
    processor.save_pretrained(folder)
    try:
        model = VlmModel(folder)
    except ModelUnsupported as error:
        return {"refused": str(error)}
    first, second = model.judge([Question(pixels=pixels(), text=CleanText(text="a red circle"))] * 2)
    image = Image.fromarray(np.ascontiguousarray(pixels()[..., ::-1]))
    asked = processor(images=image, text="a red circle", return_tensors="pt")
    with torch.no_grad():
        raw = model._model(**asked).logits[0].softmax(-1).tolist()
    said = {"ours": first.probabilities, "again": second.probabilities, "raw": raw}
    return {**said, "calibrated": model.is_calibrated, "warnings": first.warnings}


def generator(folder: Path) -> dict[str, Any]:
    """An Idefics 3: what the backend says, and the tokens it went by."""
    torch.manual_seed(1)
    numbers = {word: number for number, word in enumerate([*_SPECIAL, *_WORDS.split()])}
    raw = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    named = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, additional_special_tokens=_SPECIAL[4:], **named)
    side = {"longest_edge": 32}
    images = Idefics3ImageProcessor(size=side, max_image_size=side, do_image_splitting=False)
    processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=_TEMPLATE)
    text = {"model_type": "llama", "vocab_size": len(numbers), "num_key_value_heads": 2, "pad_token_id": 0}
    config = Idefics3Config(
        image_token_id=numbers["<image>"],
        pad_token_id=0,
        scale_factor=2,
        text_config={**text, **_SMALL},
        vision_config={"image_size": 32, "patch_size": 8, **_SMALL},
    )
    Idefics3ForConditionalGeneration(config).eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    model = VlmModel(folder)
    plain, captioned = model.judge(
        [
            Question(pixels=pixels(), text=CleanText(text="a red circle")),
            Question(
                pixels=pixels(), text=CleanText(text="a red circle"), caption=CleanText(text="a circle")
            ),
        ]
    )
    expected = [numbers[word] for word in ("yes", "no", "maybe")]
    said = {"plain": plain.probabilities, "captioned": captioned.probabilities}
    return {**said, "tokens": model._answers, "expected": expected}


if __name__ == "__main__":
    found = generator(Path(sys.argv[1])) if len(sys.argv) == 2 else classifier(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps(found))  # noqa: T201 — read by the test
