"""`python -m steadfast.entailment.shapes train FILE` makes the embedded model, `… evaluate` tells its worth.

Training needs the extra `train`; evaluation what the service needs.
"""

import argparse
import hashlib
import sys
import time
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from steadfast.entailment.model import Pixels
from steadfast.entailment.shapes.recipe import Training


def _through_jpeg(pixels: Pixels) -> Pixels:
    _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 70])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _train(file: Path, training: Training) -> None:
    import torch  # noqa: PLC0415 — only here

    from steadfast.entailment.shapes.calibration import calibrate  # noqa: PLC0415
    from steadfast.entailment.shapes.export import export  # noqa: PLC0415
    from steadfast.entailment.shapes.training import train  # noqa: PLC0415

    began_s, worked_s = time.perf_counter(), time.process_time()
    network = train(training, _say)
    torch.save(network.state_dict(), file.with_suffix(".pt"))  # for who wants to go on from here
    _say(f"temperature {calibrate(network, training.seed + 1):.2f}")
    export(network, file)
    content = file.read_bytes()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - worked_s
    _say(f"{file}  {len(content)} bytes  sha256 {hashlib.sha256(content).hexdigest()}")
    _say(f"{took_s:.0f} s, {cpu_s:.0f} s of CPU time beside that of the processes that drew the scenes")


def _evaluate(file: Path | None, count: int) -> None:
    from steadfast.entailment.shapes.evaluation import evaluate, open_embedded, table_of  # noqa: PLC0415

    with resources.as_file(resources.files(__package__).joinpath("shapes.onnx")) as own:
        _say(table_of(evaluate(open_embedded(file or own), count, _through_jpeg)))


def main() -> None:
    """Runs one of the two."""
    parser = argparse.ArgumentParser(prog="python -m steadfast.entailment.shapes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train")
    train.add_argument("file", type=Path)
    train.add_argument("--scenes", type=int, default=Training().scenes)
    train.add_argument("--threads", type=int, default=Training().threads, help="what comes out depends on it")
    evaluate = commands.add_parser("evaluate")
    evaluate.add_argument("file", type=Path, nargs="?", default=None)
    evaluate.add_argument("--count", type=int, default=12_000)
    given = parser.parse_args()
    if given.command == "train":
        _train(given.file, Training(scenes=given.scenes, threads=given.threads))
    else:
        _evaluate(given.file, given.count)


if __name__ == "__main__":
    main()
