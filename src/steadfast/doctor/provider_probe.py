"""`python -m steadfast.doctor.provider_probe`: starts the providers of the settings on its standard input."""

import json
import sys
from collections.abc import Mapping

from steadfast.doctor.devices import start_providers
from steadfast.errors import SteadfastError
from steadfast.inference.providers import Provider
from steadfast.inference.runtime import import_runtime
from steadfast.settings import InferenceSettings

_NVIDIA = (Provider.CUDA, Provider.TENSORRT)


def probe(settings: InferenceSettings) -> Mapping[str, object]:
    """Which started, and why no NVIDIA provider did; as plain data."""
    try:
        choice = start_providers(settings, import_runtime())
    except SteadfastError as error:
        return {"started": [], "reason": error.detail}
    skipped = [skipped.reason for skipped in choice.skipped if skipped.provider in _NVIDIA]
    started = [provider.value for provider in choice.taken]
    works = any(provider in choice.taken for provider in _NVIDIA)
    return {"started": started, "reason": "" if works else " ".join(skipped) or "no provider uses it"}


def main() -> None:
    """Reads settings, writes what came of them."""
    settings = InferenceSettings.model_validate_json(sys.stdin.read())
    sys.stdout.write(json.dumps(probe(settings)) + "\n")


if __name__ == "__main__":
    main()
