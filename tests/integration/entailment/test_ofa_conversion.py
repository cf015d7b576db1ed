"""A downloaded OFA folder becomes a graph that answers as the reference did.

`ofa_tiny.json` is what ModelScope 1.40.2 answered for these very weights; `make parity-ofa` recorded it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.parity.ofa_folders import picture, write_files
from tests.torch_python import run_with_torch

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Question
from steadfast.entailment.ofa.manifest import read_manifest
from steadfast.entailment.ofa.model import OfaModel
from steadfast.entailment.ofa.preparation import patch_image, prompt_ids
from steadfast.entailment.ofa.tokenizer import BytePairTokenizer
from steadfast.errors import ConfigError, ModelDamaged, TextTooLong
from steadfast.inference.sessions import SessionCache

RECORDED = json.loads((Path(__file__).parent / "ofa_tiny.json").read_text())
_CONVERT = """
import json, sys
from pathlib import Path
import torch
from tests.parity.ofa_folders import perturbed
from steadfast.entailment.ofa.checkpoint import find_weights, load_weights, read_weights
from steadfast.entailment.ofa.conversion import convert_folder
from steadfast.entailment.ofa.layout import read_layout
from steadfast.entailment.ofa.network import Ofa
from steadfast.errors import ModelUnsupported

source, output, naming, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
torch.set_num_threads(1)
ofa = Ofa(read_layout(json.loads((source / "config.json").read_text())))
weights = {
    name: torch.from_numpy(perturbed(name, tuple(tensor.shape), seed))
    for name, tensor in ofa.state_dict().items()
    if tensor.is_floating_point() and name != "decoder.embed_tokens.weight"
}
if naming == "fairseq":
    back = {
        ".cross_attn_layer_norm.": ".encoder_attn_layer_norm.",
        ".cross_attn_mid_layer_norm.": ".cross_attn_ln.",
        ".cross_attn.": ".encoder_attn.",
        ".ffn_layer_norm.": ".ffn_layernorm.",
    }
    def renamed(name):
        for ours, theirs in back.items():
            name = name.replace(ours, theirs)
        half = "attn_ln" if name.startswith("encoder") else "self_attn_ln"
        return name.replace("self_attn_mid_layer_norm", half)
    theirs = {renamed(name): tensor for name, tensor in weights.items()}
    torch.save({"model": theirs}, source / "checkpoint.pt")
    load_weights(ofa, read_weights(find_weights(source)))
    loaded = ofa.state_dict()
    print(len(set(theirs) - set(weights)), all(torch.equal(loaded[n], t) for n, t in weights.items()))
    sys.exit()
if naming == "broken":
    weights["encoder.pos_ln.extra"] = torch.zeros(2)
torch.save(weights, source / "pytorch_model.bin")
try:
    convert_folder(source, output, int8=naming == "int8")
except ModelUnsupported as error:
    print(error)
"""


def convert(
    folder: Path, naming: str = "modelscope", answers: tuple[str, ...] = ("no", "yes", "maybe")
) -> tuple[Path, str]:
    source, output = folder / "downloaded", folder / "converted"
    write_files(source, "tiny", answers=answers)
    said = run_with_torch(_CONVERT, str(source), str(output), naming, str(RECORDED["seed"]))
    return output, said


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(tmp_path_factory.mktemp("ofa"), "int8")[0]


def questions() -> list[Question]:
    return [
        Question(
            pixels=np.ascontiguousarray(picture(number)[..., ::-1]),
            text=CleanText(text=row["text"]),
            caption=None if row["caption"] is None else CleanText(text=row["caption"]),
        )
        for number, row in enumerate(RECORDED["questions"])
    ]


def test_it_answers_as_the_reference_did_one_by_one_and_together(converted: Path) -> None:
    model = OfaModel(converted, SessionCache())
    expected = np.array([row["logprobs"] for row in RECORDED["questions"]])
    alone = np.concatenate([model.log_probabilities([question]) for question in questions()])
    assert np.abs(alone - expected).max() <= 1e-5
    assert np.abs(model.log_probabilities(questions()) - expected).max() <= 1e-5
    labels = [ANSWERS[int(row.argmax())].value for row in expected]
    assert [judgement.answer.value for judgement in model.judge(questions())] == labels
    assert labels == [row["label"] for row in RECORDED["questions"]]


def test_8_bits_are_offered_and_confessed(converted: Path) -> None:
    model = OfaModel(converted, SessionCache(), precision="int8")
    (judgement,) = model.judge(questions()[:1])
    assert sum(judgement.probabilities) == pytest.approx(1.0)
    assert any("8 bits" in warning for warning in judgement.warnings)


def test_a_changed_file_is_not_served(converted: Path, tmp_path: Path) -> None:
    for file in converted.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / "merges.txt").read_bytes())
    content[-5] ^= 1
    (tmp_path / "merges.txt").write_bytes(content)
    with pytest.raises(ModelDamaged, match=r"merges\.txt"):
        OfaModel(tmp_path, SessionCache())
    with pytest.raises(ConfigError, match="fp16"):
        OfaModel(converted, SessionCache(), precision="fp16")


def test_a_question_with_more_tokens_than_it_reads_is_refused(converted: Path) -> None:
    with pytest.raises(TextTooLong, match="80"):
        OfaModel(converted, SessionCache()).check(CleanText(text="zebra " * 40), None)


def test_the_manifest_tells_where_it_came_from(converted: Path) -> None:
    manifest = read_manifest(converted)
    assert (manifest.source, manifest.prompted, manifest.side_px) == ("downloaded", True, 96)
    assert manifest.revision.startswith("sha256:")
    assert set(manifest.graphs) == {"fp32", "int8"}


def test_names_of_fairseq_are_understood(tmp_path: Path) -> None:
    renamed, equal = convert(tmp_path, "fairseq")[1].split()
    assert int(renamed) > 20
    assert equal == "True"


def test_a_weight_that_is_not_known_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    output, said = convert(tmp_path, "broken")
    assert "encoder.pos_ln.extra" in said
    assert not output.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["downloaded"]


def test_ids_and_pixels_are_those_of_the_reference(tmp_path: Path) -> None:
    write_files(tmp_path, "tiny")
    tokenizer = BytePairTokenizer.of_folder(tmp_path)

    class Manifest:
        describes, implies = (
            ' does the image describe " {} "?',
            ' can image and text1 " {} " imply text2 " {} "?',
        )
        max_tokens, side_px, mean, deviation = 80, 96, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)

    manifest: Any = Manifest()
    for number, row in enumerate(RECORDED["questions"]):
        assert prompt_ids(manifest, tokenizer, row["text"], row["caption"]) == row["ids"]
        pixels = patch_image(manifest, np.ascontiguousarray(picture(number)[..., ::-1]))
        assert float(pixels.sum(dtype=np.float64)) == row["pixels"]["sum"]
        assert float(pixels[-1, -1, -1]) == row["pixels"]["last"]
