"""What the `configuration.json` of an OFA folder asks for: prompt, picture, answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadfast.entailment.answer import Answer
from steadfast.errors import InputMissing, ModelUnsupported

DESCRIBES = ' does the image describe " {} "?'
IMPLIES = ' can image and text1 " {} " imply text2 " {} "?'
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_PLAIN = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_HARMLESS = frozenset(
    {
        *("type", "batch_size", "valid_batch_size", "beam_search", "num_return_sequences", "seed"),
        *("max_image_size", "max_tgt_length", "gen_type"),
    }
)
"""Options of training or generation that change no score of a fixed answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OfaConfiguration:
    """How pictures and sentences are prepared, and which answers there are."""

    describes: str
    """The prompt around a sentence."""
    implies: str
    """The prompt around a caption and a sentence."""
    prompted: bool
    """Whether the decoder begins with the prompt without its end; else with the begin sign alone."""
    side_px: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    max_tokens: int
    answers: tuple[str, ...]
    """The words of the model, in the order of `Answer`: yes, no, maybe."""


def read_configuration(folder: Path) -> OfaConfiguration:
    """Of a folder. Raises `InputMissing`, and `ModelUnsupported` with the name of what is not understood."""
    whole = read_json(folder / "configuration.json")
    if whole.get("task") not in (None, "visual-entailment"):
        raise ModelUnsupported(
            f"configuration.json is for the task {whole['task']!r}, not visual-entailment."
        )
    model = dict(whole.get("model", {}))
    for name, wanted in (("language", "en"), ("multimodal_type", "default")):
        if (given := model.pop(name, wanted)) != wanted:
            raise ModelUnsupported(f"configuration.json has model.{name} = {given!r}; known is {wanted!r}.")
    prompt_type = model.pop("prompt_type", "none")
    if prompt_type not in ("none", "prev_output"):
        raise ModelUnsupported(f"configuration.json has model.prompt_type = {prompt_type!r}.")
    mean, deviation = _IMAGENET if model.pop("imagenet_default_mean_and_std", False) else _PLAIN
    describes, implies = _prompts(model.pop("prompt", None))
    found = OfaConfiguration(
        describes=describes,
        implies=implies,
        prompted=prompt_type == "prev_output",
        side_px=_whole_number(model, "patch_image_size", 480),
        mean=mean,
        deviation=deviation,
        max_tokens=_whole_number(model, "max_src_length", 256),
        answers=_answers(folder, model.pop("answer2label", None)),
    )
    if unknown := sorted(set(model) - _HARMLESS):
        raise ModelUnsupported(f"configuration.json has options that are not known: model.{unknown[0]}.")
    return found


def _prompts(given: str | None) -> tuple[str, str]:
    if given is None:
        return DESCRIBES, IMPLIES
    if given.count("{}") == 1:
        return given, ""
    if given.count("{}") == 2:
        return "", given
    raise ModelUnsupported(
        f"configuration.json has model.prompt = {given!r}, with no place for the sentence."
    )


def _whole_number(model: dict[str, Any], name: str, usual: int) -> int:
    given = model.pop(name, usual)
    if not isinstance(given, int) or given < 1:
        raise ModelUnsupported(f"configuration.json has model.{name} = {given!r}, which is no size.")
    return given


def _answers(folder: Path, file: str | None) -> tuple[str, ...]:
    known = {answer.value for answer in Answer}
    if file is not None:
        given = set(read_json(folder / file))
        if given != known:
            raise ModelUnsupported(f"{file} has the answers {sorted(given)}; known are {sorted(known)}.")
    return tuple(answer.value for answer in Answer)


def read_json(file: Path) -> Mapping[str, Any]:
    """A JSON object in a file. Raises `InputMissing` and `ModelUnsupported`."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputMissing(f"{file} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ModelUnsupported(f"{file} is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ModelUnsupported(f"{file} holds no JSON object.")
    return document
