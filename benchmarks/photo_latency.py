"""Milliseconds of one photo swap at 1 megapixel, stage by stage, with models warm.

    python -m benchmarks.photo_latency MODELS [--runs N]

MODELS is a folder with the weights of the standard engine. Hopper's face goes onto Collins' portrait,
enlarged to 1000 x 1000 and written as JPEG. Bar: analyse + swap + write ≤ 80 ms with `standard`. `sources` is
reading and preparing the source photo; a server that keeps a source prepared does not pay for it.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import cv2

from steadfast.app import open_app
from steadfast.faces.roles import EngineName
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import CastRequest
from steadfast.tasks.face_swap import SwapRequest
from steadfast.tasks.showcase import COLLINS, HOPPER, portrait

STAGES = ("read", "sources", "analyse", "swap", "write")
BAR_MS = 80.0


def laps_ms(engine: EngineName, models: Path, scratch: Path, runs: int) -> dict[str, list[float]]:
    """Milliseconds of every run by stage, after two that are not counted."""
    picture = cv2.imread(str(portrait(COLLINS)))
    assert picture is not None
    target = scratch / "target.jpg"
    cv2.imwrite(str(target), cv2.resize(picture, (1000, 1000), interpolation=cv2.INTER_CUBIC))
    settings = Settings(models=ModelSettings(dir=scratch / "models", mirror=(models.resolve().as_uri(),)))
    app = open_app(settings)
    opened = app.open_engine(engine)
    request = SwapRequest(
        cast=CastRequest(sources=(portrait(HOPPER),)), target=target, output=scratch / "out.jpg"
    )
    reports = [app.swap(request, opened) for _ in range(runs + 2)][2:]
    return {stage: [1e3 * report.seconds[stage] for report in reports] for stage in STAGES}


def main() -> int:
    """Prints one row per engine; 1 if the bar of the standard engine is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    print(f"{'engine':<10}" + "".join(f"{stage:>10}" for stage in STAGES) + f"{'a+s+w':>10}   ms, median")
    missed = False
    for engine in (EngineName.STANDARD, EngineName.EMBEDDED):
        with tempfile.TemporaryDirectory() as scratch:
            laps = laps_ms(engine, options.models, Path(scratch), options.runs)
        total = median(
            a + s + w for a, s, w in zip(laps["analyse"], laps["swap"], laps["write"], strict=True)
        )
        print(f"{engine.value:<10}" + "".join(f"{median(laps[s]):10.1f}" for s in STAGES) + f"{total:10.1f}")
        missed |= engine is EngineName.STANDARD and total > BAR_MS
    print(f"bar: standard ≤ {BAR_MS:.0f} ms: {'missed' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
