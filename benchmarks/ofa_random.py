"""An OFA folder of any layout with random weights, converted: it costs as much time as real weights do.

    python -m benchmarks.ofa_random large FOLDER

Needs torch and onnxscript (extra `convert`). Large takes a few minutes, 10 GB of memory and, while it works,
4 GB of disk; what stays is 1.9 GB.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from tests.parity.ofa_folders import perturbed, write_files

from steadfast.entailment.ofa.conversion import convert_folder
from steadfast.entailment.ofa.layout import read_layout
from steadfast.entailment.ofa.network import Ofa

_SEED = 11


def write_weights(folder: Path) -> None:
    """Of the layout that stands in the folder's `config.json`."""
    ofa = Ofa(read_layout(json.loads((folder / "config.json").read_text())))
    weights = {
        name: torch.from_numpy(perturbed(name, tuple(tensor.shape), _SEED))
        for name, tensor in ofa.state_dict().items()
        if tensor.is_floating_point() and name != "decoder.embed_tokens.weight"  # that of the encoder
    }
    torch.save(weights, folder / "pytorch_model.bin")


def main(layout: str, output: Path) -> None:
    """Writes `output`, unless it is there."""
    downloaded = output.with_name(f"{output.name}-downloaded")
    shutil.rmtree(downloaded, ignore_errors=True)
    write_files(downloaded, layout)
    write_weights(downloaded)
    convert_folder(downloaded, output, say=print)
    shutil.rmtree(downloaded)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
