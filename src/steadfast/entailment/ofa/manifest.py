"""What lies beside a converted graph: how to prepare what it is asked, and the sums of its files."""

from pathlib import Path
from typing import Any

import msgspec

from steadfast.errors import InputMissing, ModelDamaged, ModelUnsupported
from steadfast.models.verification import digest

FILE = "manifest.json"
FORMAT = 1


class OfaFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the folder."""

    name: str
    size_bytes: int
    sha256: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place where answers of several tokens part."""

    prefix: tuple[int, ...]
    choices: tuple[int, ...]


class OfaManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that serving must know."""

    format: int
    source: str
    """Name of the folder that was converted."""
    revision: str
    """The source's own revision, or the sum of its weights where it tells none."""
    describes: str
    implies: str
    prompted: bool
    side_px: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    max_tokens: int
    answers: tuple[tuple[int, ...], ...]
    """Tokens of yes, no and maybe."""
    places: tuple[Place, ...] = ()
    """Empty where each answer is one token."""
    graphs: dict[str, str]
    """File of the graph by precision: fp32, and int8 where it was made."""
    files: tuple[OfaFile, ...]
    converter: dict[str, str]
    """Versions of what made it."""


def read_manifest(folder: Path) -> OfaManifest:
    """Of a converted folder. Raises `InputMissing`, `ModelUnsupported`."""
    file = folder / FILE
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=OfaManifest)
    except OSError as error:
        raise InputMissing(
            f"{file} cannot be read ({error.strerror}).",
            remedy="Convert the downloaded folder first: `steadfast models convert ofa FOLDER`.",
        ) from error
    except msgspec.DecodeError as error:
        raise ModelUnsupported(f"{file} is no manifest of ours: {error}.") from error
    if manifest.format != FORMAT:
        raise ModelUnsupported(f"{file} is of format {manifest.format}; this program reads {FORMAT}.")
    return manifest


def check_files(folder: Path, manifest: OfaManifest) -> None:
    """Reads every byte. Raises `ModelDamaged` where a file is not what was written."""
    for file in manifest.files:
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.size_bytes or digest(path) != file.sha256:
            raise ModelDamaged(
                f"{path} is not the file that was converted.", remedy="Convert the downloaded folder again."
            )


def write_manifest(folder: Path, manifest: OfaManifest) -> None:
    """As JSON that a person can read."""
    packed: Any = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / FILE).write_bytes(packed + b"\n")
