"""The main job on material that comes with ordinary packages: two portraits swapped, and a video."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from steadfast.errors import OutputUnwritable
from steadfast.faces.analyse import analyse
from steadfast.faces.face import Embedding
from steadfast.faces.roles import Engine
from steadfast.faces.selection import area
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.media.output import writing_aside
from steadfast.media.picture_metadata import Metadata
from steadfast.media.picture_writer import write_picture
from steadfast.media.pictures import read_picture
from steadfast.tasks.cast import CastRequest
from steadfast.tasks.face_swap import SwapReport, SwapRequest
from steadfast.tasks.output_mark import mark_of
from steadfast.tasks.showcase import COLLINS, HOPPER, portrait, render_clip
from steadfast.tasks.video_report import OnProgress

_PANEL_HEIGHT_PX = 420

Swap = Callable[[SwapRequest, OnProgress | None], SwapReport]
"""Runs one swap with the demo's engine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoStep:
    """One swap of the demo and what it measured."""

    title: str
    report: SwapReport
    seconds: float
    like_source: float | None = None  # similarity of the swapped face to the person who gave hers
    like_target: float | None = None  # and to the person who was there before

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "title": self.title,
            "output": str(self.report.output),
            "seconds": round(self.seconds, 2),
            "like_source": self.like_source,
            "like_target": self.like_target,
            "report": self.report.as_dict(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """What the demo made."""

    engine: str
    models: tuple[str, ...]
    same_person: float  # the similarity from which on this engine's identity says "the same person"
    steps: tuple[DemoStep, ...]
    overview: Path  # both portraits before and after, in one picture
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "engine": self.engine,
            "models": list(self.models),
            "same_person": self.same_person,
            "steps": [step.as_dict() for step in self.steps],
            "overview": str(self.overview),
            "seconds": round(self.seconds, 2),
        }


def run_demo(
    folder: Path, engine: Engine, swap: Swap, *, on_progress: OnProgress | None = None
) -> DemoReport:
    """Swaps both portraits with each other and one of them into a clip, all into `folder`.

    Raises InputMissing where the libraries that bring the portraits are not installed, OutputUnwritable
    where the folder cannot be made, and what a swap raises.
    """
    begun = time.monotonic()
    hopper, collins = portrait(HOPPER), portrait(COLLINS)
    clip = _prepared(folder, collins)
    pictures = (
        ("Hopper → Collins", _request(hopper, collins, folder / "hopper-on-collins.png")),
        ("Collins → Hopper", _request(collins, hopper, folder / "collins-on-hopper.png")),
    )
    video = _request(hopper, clip, folder / "hopper-on-clip.mp4")
    steps = (
        *(_picture(title, request, engine, swap) for title, request in pictures),
        _video("Hopper → video", video, swap, on_progress),
    )
    return DemoReport(
        engine=engine.name.value,
        models=engine.models,
        same_person=SAME_PERSON[engine.identity.space],
        steps=steps,
        overview=_overview(folder / "overview.jpg", [request for _, request in pictures], engine),
        seconds=time.monotonic() - begun,
    )


def _prepared(folder: Path, face: Path) -> Path:
    """The folder, and in it the clip that is to be swapped."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"The folder {folder} cannot be made: {error.strerror or error}.") from error
    clip = folder / "clip.mp4"
    with writing_aside(clip) as aside:
        render_clip(read_picture(face).pixels, aside)
    return clip


def _picture(title: str, request: SwapRequest, engine: Engine, swap: Swap) -> DemoStep:
    begun = time.monotonic()
    report = swap(request, None)
    seconds = time.monotonic() - begun
    paths = (request.output, request.cast.sources[0], request.target)
    result, giver, before = (_identity(path, engine) for path in paths)
    return DemoStep(
        title=title,
        report=report,
        seconds=seconds,
        like_source=round(similarity(result, giver), 3) if result and giver else None,
        like_target=round(similarity(result, before), 3) if result and before else None,
    )


def _video(title: str, request: SwapRequest, swap: Swap, on_progress: OnProgress | None) -> DemoStep:
    begun = time.monotonic()
    report = swap(request, on_progress)
    return DemoStep(title=title, report=report, seconds=time.monotonic() - begun)


def _overview(output: Path, requests: Sequence[SwapRequest], engine: Engine) -> Path:
    """The targets and what became of them, side by side; marked like the rest."""
    panels = [_panel(request.target) for request in requests] + [
        _panel(request.output) for request in requests
    ]
    sheet = replace(read_picture(requests[0].output), pixels=np.hstack(panels), metadata=Metadata())
    write_picture(sheet, output, quality=90, mark=mark_of(engine))
    return output


def _panel(path: Path) -> BgrImage:
    pixels = read_picture(path).pixels
    width = round(_PANEL_HEIGHT_PX * pixels.shape[1] / pixels.shape[0])
    shrunk = cv2.resize(pixels, (width, _PANEL_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, dtype=np.uint8)


def _request(source: Path, target: Path, output: Path) -> SwapRequest:
    return SwapRequest(cast=CastRequest(sources=(source,)), target=target, output=output)


def _identity(path: Path, engine: Engine) -> Embedding | None:
    """Of the largest face; None where the engine sees none."""
    faces = analyse(ArrayCanvas(read_picture(path).pixels), engine)
    return max(faces, key=area).embedding if faces else None
