"""What tests share: the weights and clips that lie beside the checkout, and two public-domain portraits."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from steadfast.tasks.showcase import COLLINS, HOPPER, portrait

# What a developer's or CI's shell says must change no outcome; Typer reads some of it when it is imported.
_TERMINAL = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH"}
for _name in list(os.environ):
    is_setting = _name.startswith("STEADFAST_") and not _name.startswith(
        ("STEADFAST_TEST_", "STEADFAST_CHAOS_")
    )
    if is_setting or _name in _TERMINAL:
        del os.environ[_name]

# Speed is measured in benchmarks, so a busy machine must fail no property; and the same commit gives the same
# verdict each time. `STEADFAST_TEST_MUTATIONS=20000` tries more.
hypothesis_settings.register_profile(
    "steadfast", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("steadfast")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collects tests without the garbage collector, and spares it afterwards what stays for the whole run.

    It would look at a million objects of modules and tests again and again: a tenth of all the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


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
