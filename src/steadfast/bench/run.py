"""All cases one after another, each in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steadfast.bench.cases import BenchCase, BenchFigures, BenchResult
from steadfast.media.pictures import read_picture
from steadfast.settings import Settings
from steadfast.tasks.showcase import COLLINS, HOPPER, portrait, render_clip

_LONGEST_CASE_S = 600.0


@contextmanager
def built_in_clips(sizes: Sequence[tuple[int, int]], seconds: float) -> Iterator[dict[tuple[int, int], Path]]:
    """The demo's clip at each size, removed afterwards; raises InputMissing without the extra `demo`."""
    picture = read_picture(portrait(COLLINS)).pixels
    with tempfile.TemporaryDirectory(prefix="steadfast-bench-") as folder:
        clips = {}
        for size in sizes:
            clips[size] = Path(folder) / f"{size[0]}x{size[1]}.mp4"
            render_clip(picture, clips[size], seconds=seconds, size=size)
        yield clips


def run_cases(
    cases: Sequence[BenchCase],
    settings: Settings,
    *,
    seconds: float,
    on_result: Callable[[BenchResult], None] = lambda _: None,
) -> list[BenchResult]:
    """Measures each case on the built-in clip; a case that fails or hangs costs only itself."""
    results = []
    sizes = sorted({(case.width, case.height) for case in cases})
    with built_in_clips(sizes, seconds) as clips:
        for case in cases:
            result = _measured_apart(case, settings, clips[case.width, case.height], portrait(HOPPER))
            on_result(result)
            results.append(result)
    return results


def _measured_apart(case: BenchCase, settings: Settings, target: Path, source: Path) -> BenchResult:
    asked = {
        "case": case.as_dict(),
        "settings": settings.model_dump(mode="json"),
        "target": str(target),
        "source": str(source),
    }
    try:
        done = subprocess.run(  # noqa: S603 — our own module, with our own JSON
            [sys.executable, "-m", "steadfast.bench.measurement", json.dumps(asked)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_CASE_S,
        )
    except subprocess.TimeoutExpired:
        return _broken(case, f"It took longer than {_LONGEST_CASE_S:.0f} s.")
    if done.returncode != 0:
        return _broken(case, _last_line(done.stderr) or f"It ended with status {done.returncode}.")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        return BenchResult(case=case, figures=None, error=answer["error"])
    return BenchResult(case=case, figures=BenchFigures(**answer["figures"]))


def _broken(case: BenchCase, detail: str) -> BenchResult:
    return BenchResult(case=case, figures=None, error={"code": "case_failed", "detail": detail})


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
