"""An interpreter that has torch, for tests of conversion and training: our own environment has none.

`TORCH_PYTHON` names one; `TORCH_REQUIRED` turns a skip into a failure, as CI does that installed one.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_CANDIDATES = (ROOT / ".venv-torch" / "bin" / "python", Path(sys.executable))


@cache
def torch_python(*packages: str) -> str:
    """The path of one that has `packages` beside torch; skips the test, visibly, where there is none."""
    named, needed = os.environ.get("TORCH_PYTHON"), ("torch", "onnxscript", *packages)
    for candidate in [named] if named else map(str, _CANDIDATES):
        if Path(candidate).exists() and _has(candidate, needed):
            return candidate
    told = f"no interpreter has {', '.join(needed)} (`make torch` makes one, TORCH_PYTHON names one)"
    if os.environ.get("TORCH_REQUIRED"):
        pytest.fail(told)
    pytest.skip(told)


def _has(python: str, packages: tuple[str, ...]) -> bool:
    # Looked for and not imported: that alone takes seconds.
    code = f"import sys, importlib.util as u; sys.exit(any(u.find_spec(name) is None for name in {packages}))"
    done = subprocess.run([python, "-c", code], env=_environment(), capture_output=True, check=False)
    return done.returncode == 0


def run_with_torch(code: str, *arguments: str, timeout_s: float = 200.0) -> str:
    """Runs code there, with this project and its dependencies beside torch; the answer is what it printed."""
    done = subprocess.run(
        [torch_python(), "-W", "ignore", "-c", code, *arguments],
        env=_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _environment() -> dict[str, str]:
    ours = [path for path in sys.path if path.endswith("site-packages")]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), *ours])}
