"""Which licences were accepted here, and when: a file beside the models, so that the answer is asked once."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from steadfast.errors import OutputUnwritable
from steadfast.models.catalogue import Model

FILE_NAME = "accepted-licenses.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """One licence, accepted for one model."""

    model: str
    license: str  # as the catalogue named it then; other terms later must be accepted anew
    accepted_at: str  # ISO 8601, UTC


class LicenseRecord:
    """The acceptances of one folder of models."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME

    def covers(self, model: Model) -> bool:
        """Whether the model may be used: its licence asks nothing, or was accepted as it stands."""
        if not model.needs_acceptance:
            return True
        return any(a.model == model.name and a.license == model.license for a in self.acceptances())

    def acceptances(self) -> list[Acceptance]:
        """All that were recorded, oldest first; a file that cannot be read counts as empty."""
        try:
            return [Acceptance(**entry) for entry in json.loads(self._file.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            # Asking once more is the safe answer; the file is written whole, so this is somebody's edit.
            return []

    def accept(self, model: Model, *, now: datetime | None = None) -> None:
        """Records that the model's licence was accepted; the caller holds the store's lock."""
        if self.covers(model):
            return
        accepted_at = (now or datetime.now(UTC)).isoformat(timespec="seconds")
        entry = Acceptance(model=model.name, license=model.license, accepted_at=accepted_at)
        text = json.dumps([asdict(a) for a in [*self.acceptances(), entry]], indent=2) + "\n"
        aside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(self._file)
        except OSError as error:
            raise OutputUnwritable(f"The acceptance cannot be recorded in {self._file}: {error}.") from error
