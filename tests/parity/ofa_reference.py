"""Runs ModelScope's own pipeline on random weights and holds ours against it; `make parity-ofa` calls this.

    python -m tests.parity.ofa_reference LAYOUT FOLDER [--record FILE]

The folder gets the weights, our conversion and nothing of the reference. `--record` writes what the reference
answered, for the tests that run where it is not installed.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tests.parity.ofa_folders import QUESTIONS, perturbed, picture, write_files
from tests.parity.stand_ins import install

SEED = 11
_BOUND = 1e-5


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _write_weights(folder: Path) -> None:
    from modelscope.models.multi_modal.ofa.configuration_ofa import OFAConfig
    from modelscope.models.multi_modal.ofa.modeling_ofa import OFAModel

    model = OFAModel(OFAConfig.from_pretrained(folder))
    weights = {}
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            weights[name] = tensor  # without its tables of buckets the reference computes with noise
            continue
        weights[name] = torch.from_numpy(perturbed(_own_name(name), tuple(tensor.shape), SEED))
    torch.save(weights, folder / "pytorch_model.bin")


def _own_name(name: str) -> str:
    """Three names of one table."""
    return "encoder.embed_tokens.weight" if "embed_tokens" in name or "output_projection" in name else name


def reference(folder: Path) -> list[dict[str, Any]]:
    """What the pipeline makes of each question: ids, pixels, log-probabilities of yes, no, maybe."""
    from modelscope.models.multi_modal.ofa_for_all_tasks import OfaForAllTasks
    from modelscope.preprocessors.multi_modal import OfaPreprocessor

    model = OfaForAllTasks(str(folder)).eval()
    preprocessor = OfaPreprocessor(str(folder))
    found = []
    for number, (text, caption) in enumerate(QUESTIONS):
        data = {"image": Image.fromarray(picture(number)), "text": text}
        if caption is not None:
            data["text2"] = caption
        batch = preprocessor(data)
        scores: dict[str, Any] = {}
        original = torch.nn.functional.softmax

        def listen(
            values: torch.Tensor,
            *rest: Any,
            scores: dict[str, Any] = scores,
            original: Any = original,
            **more: Any,
        ) -> torch.Tensor:
            scores["last"] = values
            return original(values, *rest, **more)

        import modelscope.models.multi_modal.ofa_for_all_tasks as module

        module.F.softmax = listen  # the pipeline answers shares only, after this
        try:
            with torch.no_grad():
                answer = model.inference(batch)
        finally:
            module.F.softmax = original
        order = [list(model.ans2label_dict).index(name) for name in ("yes", "no", "maybe")]
        pixels = batch["net_input"]["patch_images"][0].numpy()
        found.append(
            {
                "text": text,
                "caption": caption,
                "ids": batch["net_input"]["input_ids"][0].tolist(),
                "pixels": pixels,
                "logprobs": scores["last"][0][order].tolist(),
                "label": answer["labels"][0],
            }
        )
    return found


def ours(folder: Path, converted: Path) -> list[dict[str, Any]]:
    """The same from our conversion under ONNX Runtime."""
    from steadfast.entailment.hygiene import CleanText
    from steadfast.entailment.model import Question
    from steadfast.entailment.ofa.conversion import convert_folder
    from steadfast.entailment.ofa.model import OfaModel
    from steadfast.entailment.ofa.preparation import patch_image, prompt_ids
    from steadfast.inference.sessions import SessionCache

    convert_folder(folder, converted, say=_say)
    model = OfaModel(converted, SessionCache())
    found = []
    for number, (text, caption) in enumerate(QUESTIONS):
        question = Question(
            pixels=np.ascontiguousarray(picture(number)[..., ::-1]),
            text=CleanText(text=text),
            caption=None if caption is None else CleanText(text=caption),
        )
        found.append(
            {
                "ids": prompt_ids(model.manifest, model._tokenizer, text, caption),
                "pixels": patch_image(model.manifest, question.pixels),
                "logprobs": model.log_probabilities([question])[0].tolist(),
            }
        )
    return found


def main() -> None:
    """One layout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("layout")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    install()
    shutil.rmtree(given.folder, ignore_errors=True)
    write_files(given.folder / "downloaded", given.layout)
    _write_weights(given.folder / "downloaded")
    expected = reference(given.folder / "downloaded")
    found = ours(given.folder / "downloaded", given.folder / "converted")
    worst = 0.0
    for wanted, had in zip(expected, found, strict=True):
        difference = float(np.abs(np.array(wanted["logprobs"]) - np.array(had["logprobs"])).max())
        same_ids, same_pixels = wanted["ids"] == had["ids"], np.array_equal(wanted["pixels"], had["pixels"])
        _say(f"{wanted['label']:>6}  ids {same_ids}  pixels {same_pixels}  {difference:.1e}")
        worst = max(worst, difference if same_ids and same_pixels else 1.0)
    _say(f"{given.layout}: largest difference of log-probabilities {worst:.1e} (bound {_BOUND:.0e})")
    if given.record is not None:
        plain = [{**row, "pixels": _sums(row["pixels"])} for row in expected]
        given.record.write_text(
            json.dumps({"seed": SEED, "questions": plain}, indent=1, ensure_ascii=False) + "\n"
        )
    if worst > _BOUND:
        raise SystemExit(1)


def _sums(pixels: Any) -> dict[str, float]:
    return {
        "sum": float(pixels.sum(dtype=np.float64)),
        "first": float(pixels[0, 0, 0]),
        "last": float(pixels[-1, -1, -1]),
    }


if __name__ == "__main__":
    main()
