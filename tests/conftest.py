"""What tests share: the weights and clips that lie beside the checkout, and two public-domain portraits."""

from pathlib import Path

import pytest

from steadfast.tasks.showcase import COLLINS, HOPPER, portrait

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def _folder(name: str) -> Path:
    """Where the folder is there, tests that need it must pass; a user's fresh clone has none and skips."""
    if not (_SHARED / name).is_dir():
        pytest.skip(f"shared/{name} does not lie beside this checkout")
    return _SHARED / name


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of model weights."""
    return _folder("models")


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of clips with real faces."""
    return _folder("media")


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper: a hat and glasses."""
    return portrait(HOPPER)


@pytest.fixture(scope="session")
def collins_path() -> Path:
    """Eileen Collins: an open smile."""
    return portrait(COLLINS)
