"""The model store as a worker sees it: it reads and never writes, and tells who must mend what."""

from collections.abc import Container
from pathlib import Path

from steadfast.errors import ModelDamaged, ModelMissing
from steadfast.models.store import ModelState, ModelStore


class VerifiedModels:
    """Answers verified files only. A worker is confined and cannot fetch what is missing: the server does."""

    def __init__(self, store: ModelStore, vouched_for: Container[str] = ()) -> None:
        """`vouched_for`: files that the server had found whole; one that is gone since is to be mended."""
        self._store = store
        self._vouched_for = vouched_for
        self.damaged: list[str] = []
        """Models whose file is not what it was, or not there any more, in the order in which they were asked
        for."""

    def require(self, name: str) -> Path:
        """The verified file; raises `ModelDamaged`, `ModelMissing` or `LicenseNotAccepted`."""
        state = self._store.state(name)
        if state.is_usable:
            return self._store.path(name)
        if state is ModelState.LICENSE_NEEDED:
            return self._store.require(name)  # refused before anything is touched
        if (state is ModelState.DAMAGED and self._lies_in_place(name)) or self._was_whole(name):
            self.damaged.append(name)
            raise ModelDamaged(f"A file of the model {name} is not what the catalogue says.", model=name)
        raise ModelMissing(
            f"The model {name} is not in {self._store.folder}.",
            remedy=f"Fetch it: `steadfast models pull {name}`.",
        )

    def _was_whole(self, name: str) -> bool:
        files = self._store.catalogue[name].files
        return any(str(self._store.folder / file.name) in self._vouched_for for file in files)

    def _lies_in_place(self, name: str) -> bool:
        model = self._store.catalogue[name]
        return model.is_bundled or all((self._store.folder / file.name).exists() for file in model.files)
