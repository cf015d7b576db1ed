"""What is measured, what comes out, and what follows for the settings: plain values."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from steadfast.errors import SteadfastError


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchCase:
    """One combination to measure."""

    engine: str
    provider: str  # of inference; "—" where the engine needs none
    width: int  # px
    height: int  # px
    threads: int  # of one inference session

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """What `as_dict` gave."""
        return cls(**plain)


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchFigures:
    """What one case measured, in a process of its own."""

    frames: int
    fps: float  # the whole pipeline, decode to encode
    analyse_ms: float  # wall time per frame of finding and following faces
    swap_ms: float  # wall time per frame of exchanging them
    transcode_ms: float  # per frame of decoding and encoding alone, in the same process
    load_s: float  # until the models were ready
    peak_memory_mb: float  # resident, of the whole process
    device_memory_mb: float | None  # taken on the accelerator; None without one


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """A case and its figures, or why there are none."""

    case: BenchCase
    figures: BenchFigures | None
    error: dict[str, Any] | None = None  # a `SteadfastError` as plain data

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        figures = None if self.figures is None else asdict(self.figures)
        return {"case": self.case.as_dict(), "figures": figures, "error": self.error}


def plan_cases(
    *,
    engines: Iterable[str],
    providers: Iterable[str],
    sizes: Iterable[tuple[int, int]],
    threads: Iterable[int],
) -> list[BenchCase]:
    """Every combination; the embedded engine runs outside ONNX Runtime, so it has one per size."""
    cases = []
    for engine in engines:
        for width, height in sizes:
            if engine == "embedded":
                cases.append(BenchCase(engine=engine, provider="—", width=width, height=height, threads=1))
                continue
            cases += [
                BenchCase(engine=engine, provider=provider, width=width, height=height, threads=count)
                for provider in providers
                for count in threads
            ]
    return cases


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """What to set on this machine."""

    engine: str
    provider: str
    threads: int
    fps: float  # at the largest size that was measured

    def as_toml(self) -> str:
        """The lines for the settings file."""
        lines = ["[faces]", f'engine = "{self.engine}"']
        if self.engine != "embedded":
            lines += ["[inference]", f'providers = ["{self.provider}"]', f"threads = {self.threads}"]
        return "\n".join(lines)


QUALITY_ORDER = ("embedded", "standard", "neural")
"""Worst first: the recommendation prefers quality, then speed."""


def recommend(results: Sequence[BenchResult]) -> Recommendation | None:
    """The fastest combination of the best engine that worked; None where nothing did.

    Judged at the largest size. A combination within 3 % of the fastest that uses fewer threads wins: the
    difference is noise, the cores are not.
    """
    worked = [(r.case, r.figures) for r in results if r.figures is not None]
    if not worked:
        return None
    engine = max((case.engine for case, _ in worked), key=QUALITY_ORDER.index)
    area = max(c.width * c.height for c, _ in worked if c.engine == engine)
    rivals = [(c, f) for c, f in worked if c.engine == engine and c.width * c.height == area]
    fastest = max(f.fps for _, f in rivals)
    case, figures = min(
        ((c, f) for c, f in rivals if f.fps >= 0.97 * fastest),
        key=lambda pair: (pair[0].threads, -pair[1].fps),
    )
    return Recommendation(
        engine=case.engine, provider=case.provider, threads=case.threads, fps=round(figures.fps, 1)
    )


def failed(case: BenchCase, error: SteadfastError) -> BenchResult:
    """The result of a case that a declared error ended."""
    return BenchResult(case=case, figures=None, error=error.as_dict())
