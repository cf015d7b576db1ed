"""Packages of third parties as pip leaves them: a module, and a `.dist-info` that names entry points."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def install(folder: Path, *, name: str, module: str, source: str, entry_points: Mapping[str, str]) -> None:
    """Makes `folder` a place that, put on `sys.path`, has that package installed.

    `entry_points`: by group, the line `name = module:attribute`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    sections = [f"[{group}]\n{line}\n" for group, line in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")
