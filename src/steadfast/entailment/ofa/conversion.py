"""A downloaded OFA folder made into one ONNX graph and a manifest. Needs the extra `convert`."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from steadfast import __version__
from steadfast.entailment.ofa.checkpoint import find_weights, load_weights, read_weights
from steadfast.entailment.ofa.configuration import OfaConfiguration, read_configuration, read_json
from steadfast.entailment.ofa.layout import read_layout
from steadfast.entailment.ofa.manifest import FORMAT, OfaFile, OfaManifest, Place, write_manifest
from steadfast.entailment.ofa.network import Ofa, PromptedAnswers, SpelledAnswers
from steadfast.entailment.ofa.tokenizer import END, BytePairTokenizer
from steadfast.errors import OutputUnwritable
from steadfast.models.verification import digest

_OPSET = 18
_VOCABULARY = ("vocab.json", "merges.txt")
_INLINE_BYTES = 1 << 30
"""Weights beyond this lie in a file beside the graph: a graph may not be longer than 2 GiB."""

Say = Callable[[str], None]


def convert_folder(
    source: Path, output: Path, *, int8: bool = False, say: Say = lambda _: None
) -> OfaManifest:
    """Converts `source` into the new folder `output`, which exists only once it is complete.

    Raises `InputMissing`, `ModelUnsupported` with the name of what is not understood, `ModelDamaged`,
    `OutputUnwritable`.
    """
    if output.exists():
        raise OutputUnwritable(f"{output} is there already.", remedy="Name a folder that does not exist yet.")
    configuration = read_configuration(source)
    tokenizer = BytePairTokenizer.of_folder(source)
    layout = read_layout(read_json(source / "config.json"))
    weights = find_weights(source)
    ofa = Ofa(layout).eval()
    say(f"Reading {weights.name}")
    load_weights(ofa, read_weights(weights))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise OutputUnwritable(f"{output.parent} cannot be written to ({error.strerror}).") from error
    try:
        manifest = _fill(aside, ofa, configuration, tokenizer, source, int8=int8, say=say)
        aside.chmod(0o755)
        aside.rename(output)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return manifest


def _fill(
    folder: Path,
    ofa: Ofa,
    configuration: OfaConfiguration,
    tokenizer: BytePairTokenizer,
    source: Path,
    *,
    int8: bool,
    say: Say,
) -> OfaManifest:
    for name in _VOCABULARY:
        shutil.copyfile(source / name, folder / name)
    answers = tuple(tuple(tokenizer.encode(f" {answer}")) for answer in configuration.answers)
    places = () if all(len(answer) == 1 for answer in answers) else _places_of(answers)
    say("Making the graph")
    graphs = {"fp32": _export(ofa, configuration, folder / "ofa-fp32.onnx", spelled=bool(places))}
    if int8:
        say("Making the graph of 8 bits")
        graphs["int8"] = _quantize(folder / graphs["fp32"], folder / "ofa-int8.onnx")
    say("Taking sums")
    manifest = OfaManifest(
        format=FORMAT,
        source=source.resolve().name,
        revision=_revision_of(source),
        describes=configuration.describes,
        implies=configuration.implies,
        prompted=configuration.prompted,
        side_px=configuration.side_px,
        mean=configuration.mean,
        deviation=configuration.deviation,
        max_tokens=configuration.max_tokens,
        answers=answers,
        places=places,
        graphs=graphs,
        files=tuple(
            OfaFile(name=file.name, size_bytes=file.stat().st_size, sha256=digest(file))
            for file in sorted(folder.iterdir())
        ),
        converter={"steadfast": __version__, "torch": str(torch.__version__), "onnx": onnx.__version__},
    )
    write_manifest(folder, manifest)
    return manifest


def _places_of(answers: Sequence[tuple[int, ...]]) -> tuple[Place, ...]:
    """Every beginning of an answer, with what may follow it: the next token of each answer, or the end."""
    ended = [(*answer, END) for answer in answers]
    prefixes = dict.fromkeys(answer[:length] for answer in ended for length in range(len(answer)))
    return tuple(
        Place(
            prefix=prefix,
            choices=tuple(
                dict.fromkeys(
                    answer[len(prefix)]
                    for answer in ended
                    if len(answer) > len(prefix) and answer[: len(prefix)] == prefix
                )
            ),
        )
        for prefix in prefixes
    )


def _export(ofa: Ofa, configuration: OfaConfiguration, file: Path, *, spelled: bool) -> str:
    side, tokens = configuration.side_px, torch.export.Dim("tokens", min=4, max=1000)
    image, ids = (
        torch.rand(2, 3, side, side),
        torch.tensor([[0, 5, 6, 7, 8, 9, 2, 1], [0, 5, 6, 7, 8, 9, 4, 2]]),
    )
    count = torch.export.Dim("count", min=1, max=256)
    if spelled:
        places, length, choices = (
            torch.export.Dim(name, min=1, max=64) for name in ("places", "length", "choices")
        )
        _write(
            SpelledAnswers(ofa, prompted=configuration.prompted).eval(),
            (
                image[:1],
                ids[1:],
                torch.tensor([[5, 1], [5, 6], [6, 7]]),
                torch.tensor([[5, 6, 1], [5, 6, 7], [6, 7, 8]]),
            ),
            ["image", "ids", "prefixes", "allowed"],
            ({}, {1: tokens}, {0: places, 1: length}, {0: places, 1: choices}),
            file,
        )
    else:
        _write(
            PromptedAnswers(ofa, prompted=configuration.prompted).eval(),
            (image, ids, torch.tensor([5, 6, 7])),
            ["image", "ids", "answers"],
            ({0: count}, {0: count, 1: tokens}, {}),
            file,
        )
    return file.name


def _write(
    module: nn.Module, example: tuple[Tensor, ...], inputs: list[str], shapes: tuple[Any, ...], file: Path
) -> None:
    program = torch.onnx.export(
        module,
        example,
        input_names=inputs,
        output_names=["logprobs"],
        dynamic_shapes=shapes,
        opset_version=_OPSET,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    weights_bytes = sum(tensor.numel() * 4 for tensor in module.state_dict().values())
    program.save(str(file), external_data=weights_bytes > _INLINE_BYTES)


def _quantize(graph: Path, file: Path) -> str:
    """Dynamic quantization of matrix products; convolutions keep their 32 bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 — rarely asked for

    whole = onnx.load(str(graph))
    quantize_dynamic(whole, str(file), op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8)
    return file.name


def _revision_of(source: Path) -> str:
    """What the hub's client noted, or the sum of the weights."""
    for note in (".mv", ".msc"):
        if note == ".mv" and (source / note).is_file():
            return (source / note).read_text(encoding="utf-8", errors="replace").strip()
    return f"sha256:{digest(find_weights(source))}"
