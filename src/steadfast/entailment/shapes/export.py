"""The trained network as an ONNX graph: `pictures, ids → probabilities, strangeness`, any number at once."""

from pathlib import Path

import onnx
import torch

from steadfast.entailment.shapes.network import SIDE_PX, ShapesNetwork

_OPSET = 18


def export(network: ShapesNetwork, file: Path) -> None:
    """Writes the graph, weights inside."""
    network.eval()
    network.sight.to(memory_format=torch.contiguous_format)
    count, words = torch.export.Dim("count", min=1, max=4096), torch.export.Dim("words", min=2, max=25)
    program = torch.onnx.export(
        network,
        (torch.rand(3, 3, SIDE_PX, SIDE_PX), torch.randint(1, 50, (3, 9))),
        input_names=["pictures", "ids"],
        output_names=["probabilities", "strangeness"],
        dynamic_shapes=({0: count}, {0: count, 1: words}),
        opset_version=_OPSET,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    model = program.model_proto
    for node in model.graph.node:  # traces of whoever exported it: paths and lines of source
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, str(file))
