"""The server process stays free of native code: a worker's death must be all that can happen."""

import subprocess
import sys

FORBIDDEN = ("numpy", "cv2", "av", "PIL", "onnxruntime", "_dlib_pybind11", "torch")


def test_the_server_imports_nothing_that_touches_pixels_or_models() -> None:
    code = f"import steadfast.assembly.service, sys; print([n for n in {FORBIDDEN!r} if n in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_command_line_of_the_server_imports_nothing_either() -> None:
    code = (
        "import sys\nfrom steadfast.cli import application, serve\nimport steadfast.assembly.server_process\n"
        f"print([n for n in {FORBIDDEN!r} if n in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
