"""Without an ONNX Runtime everything imports, and asking for a model gives one clear sentence."""

import subprocess
import sys

PROGRAM = """
import sys
class NoRuntime:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")
sys.meta_path.insert(0, NoRuntime())
import steadfast.inference.sessions, steadfast.faces.neural.engine, steadfast.faces.standard.engine
from pathlib import Path
from steadfast.errors import RuntimeMissing
from steadfast.inference.providers import choose_providers
from steadfast.inference.sessions import SessionCache
for ask in (lambda: SessionCache().get("m", Path(sys.executable)), lambda: choose_providers(("cpu",))):
    try:
        ask()
    except RuntimeMissing as error:
        print(error.detail, error.remedy)
"""


def test_a_missing_runtime_is_one_sentence_and_a_remedy_not_a_traceback() -> None:

    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("No ONNX Runtime is installed.")
        assert "steadfast[cpu]" in line
