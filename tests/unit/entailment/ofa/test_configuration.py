"""What a downloaded folder asks for is honoured, or refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.parity.ofa_folders import LAYOUTS, write_files

from steadfast.entailment.ofa.configuration import DESCRIBES, IMPLIES, read_configuration
from steadfast.entailment.ofa.layout import read_layout
from steadfast.errors import InputMissing, ModelUnsupported


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path, "tiny")
    return tmp_path


def change(folder: Path, **model: Any) -> Path:
    whole = json.loads((folder / "configuration.json").read_text())
    whole["model"] |= model
    (folder / "configuration.json").write_text(json.dumps(whole))
    return folder


def test_what_it_says_is_honoured(folder: Path) -> None:
    found = read_configuration(
        change(folder, patch_image_size=384, imagenet_default_mean_and_std=True, max_src_length=40)
    )
    assert (found.side_px, found.max_tokens, found.prompted) == (384, 40, True)
    assert found.mean == (0.485, 0.456, 0.406)
    assert (found.describes, found.implies) == (DESCRIBES, IMPLIES)
    assert found.answers == ("yes", "no", "maybe")


def test_without_a_prompt_type_the_decoder_begins_alone(folder: Path) -> None:
    assert not read_configuration(change(folder, prompt_type="none")).prompted


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("prompt_type", "src"),
        ("language", "zh"),
        ("multimodal_type", "mmspeech"),
        ("patch_image_size", "big"),
        ("prompt", "no place"),
        ("something_new", 1),
    ],
)
def test_what_it_does_not_understand_is_refused_by_name(folder: Path, option: str, value: object) -> None:
    with pytest.raises(ModelUnsupported, match=option):
        read_configuration(change(folder, **{option: value}))


def test_other_answers_than_ours_are_refused_by_name(folder: Path) -> None:
    (folder / "ans2label.json").write_text('{"true": 0, "false": 1}')
    with pytest.raises(ModelUnsupported, match="false"):
        read_configuration(folder)


def test_a_folder_for_another_task_is_refused(folder: Path) -> None:
    (folder / "configuration.json").write_text('{"task": "image-captioning"}')
    with pytest.raises(ModelUnsupported, match="image-captioning"):
        read_configuration(folder)


def test_a_missing_or_broken_file_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "configuration.json").write_text("{")
    with pytest.raises(ModelUnsupported, match=r"configuration\.json"):
        read_configuration(folder)
    with pytest.raises(InputMissing, match=r"configuration\.json"):
        read_configuration(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("option", "value"),
    [("use_ofasys", True), ("normformer", False), ("activation_function", "relu"), ("resnet_type", "vit")],
)
def test_a_network_of_another_kind_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(ModelUnsupported, match=option):
        read_layout({**LAYOUTS["tiny"], option: value})


def test_a_layout_without_a_size_is_refused_by_name() -> None:
    sizes = {name: value for name, value in LAYOUTS["base"].items() if name != "d_model"}
    with pytest.raises(ModelUnsupported, match="d_model"):
        read_layout(sizes)
