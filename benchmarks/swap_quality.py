"""How good swaps are: every portrait pair and every clip of a folder, with each geometric engine.

    python -m benchmarks.swap_quality MEDIA MODELS [--engine standard]

MEDIA is a folder with yes.mkv, again.mkv and book.mkv, MODELS one with the weights of the standard engine.
The figures are those of `steadfast swap --quality-report`. Bars of `standard`: likeness to the source ≥ 0.60
and to who was there ≤ 0.30 on the portraits, landmarks moved ≤ 4 % of the eyes' distance, ≥ 98 % of the
frames with a face swapped, flicker ≤ 1.25, and nothing changed outside the masks.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steadfast.app import App, open_app
from steadfast.faces.roles import Engine, EngineName
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import CastRequest
from steadfast.tasks.face_swap import SwapRequest
from steadfast.tasks.showcase import COLLINS, HOPPER, portrait

CLIPS = ("yes.mkv", "again.mkv", "book.mkv")
PEOPLE = {"Hopper": HOPPER, "Collins": COLLINS}


def rows(app: App, engine: Engine, media: Path, scratch: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A title and the quality report of each swap."""
    pairs = [("Hopper", "Collins"), ("Collins", "Hopper")]
    for source, target in pairs:
        request = _request(PEOPLE[source], portrait(PEOPLE[target]), scratch / "out.png")
        quality = app.swap(request, engine).quality or {}
        yield f"{source} → {target}", {**quality["faces"][0], "outside": quality["outside_is_identical"]}
    for clip in CLIPS:
        for source, of in PEOPLE.items():
            request = _request(of, media / clip, scratch / "out.mp4")
            yield f"{source} → {clip}", app.swap(request, engine).quality or {}


def _request(source: tuple[str, str], target: Path, output: Path) -> SwapRequest:
    return SwapRequest(
        cast=CastRequest(sources=(portrait(source),)), target=target, output=output, measure_quality=True
    )


def _line(title: str, figures: dict[str, Any]) -> str:
    def shown(name: str, form: str) -> str:
        return format(figures[name], form) if name in figures else "—"

    outside = {True: "identical", False: "CHANGED"}.get(figures.get("outside", ""), "—")
    return (
        f"{title:<22}{shown('similarity_to_source', '.3f'):>10}{shown('similarity_to_target', '.3f'):>10}"
        f"{shown('landmark_error', '.1%'):>11}{shown('swapped_share', '.1%'):>10}"
        f"{shown('flicker', '.2f'):>9}{outside:>11}"
    )


def main() -> None:
    """Prints one table per engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("media", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--engine", choices=["standard", "embedded"], action="append")
    options = parser.parse_args()
    for name in options.engine or ["standard", "embedded"]:
        with tempfile.TemporaryDirectory() as scratch:
            mirror = (options.models.resolve().as_uri(),)
            app = open_app(Settings(models=ModelSettings(dir=Path(scratch) / "models", mirror=mirror)))
            print(f"\n{name:<22}{'to source':>10}{'to target':>10}{'landmarks':>11}{'swapped':>10}", end="")
            print(f"{'flicker':>9}{'outside':>11}")
            for title, figures in rows(app, app.open_engine(EngineName(name)), options.media, Path(scratch)):
                print(_line(title, figures), flush=True)


if __name__ == "__main__":
    main()
