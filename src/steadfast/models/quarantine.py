"""Where files go that are not what the catalogue says, for whoever wants to know why."""

from collections.abc import Iterator
from pathlib import Path

from steadfast.events import publish
from steadfast.models.catalogue import Model, ModelFile
from steadfast.models.facts import ModelQuarantined
from steadfast.models.verification import digest


class Quarantine:
    """A folder beside the models that keeps the latest wrong copy of each file."""

    def __init__(self, models_folder: Path) -> None:
        self._models = models_folder
        self._folder = models_folder / "quarantine"

    def holds(self, file: ModelFile) -> bool:
        """Whether a wrong file of this name was moved here."""
        return any(self._copies(file))

    def take(self, model: Model, file: ModelFile) -> None:
        """Moves what stands under the file's name here; the caller holds that file's lock."""
        wrong = self._models / file.name
        found, found_bytes = digest(wrong), wrong.stat().st_size
        for older in self._copies(file):
            older.unlink()  # one is enough to look at, and these are large
        moved_to = self._folder / f"{file.name}.{found[:12]}"
        self._folder.mkdir(exist_ok=True)
        wrong.replace(moved_to)
        reason = f"sha256 {found}, {found_bytes} bytes"
        publish(ModelQuarantined(model=model.name, file=file.name, reason=reason, moved_to=moved_to))

    def _copies(self, file: ModelFile) -> Iterator[Path]:
        return self._folder.glob(f"{file.name}.*")
