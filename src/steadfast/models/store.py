"""The folder of model files: whoever asks for a model gets a path to verified bytes, or one clear error.

    models/
      mobilefacenet.onnx         verified; only ever appears whole, by one atomic move
      accepted-licenses.json     which terms were accepted, and when
      .parts/                    downloads under way, resumed where they stopped
      .locks/                    one per file: of several processes that want it, one downloads
      .used/                     when each was used last, where there is a limit on them all
      quarantine/                files that failed their sum, for whoever wants to know why

No native code is imported here, so a server that must never crash may use it.
"""

from collections.abc import Iterator
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from steadfast.errors import (
    DownloadFailed,
    LicenseNotAccepted,
    ModelDamaged,
    ModelMissing,
    OutputUnwritable,
)
from steadfast.events import publish
from steadfast.models.catalogue import Catalogue, CommercialUse, Model, ModelFile, builtin_catalogue
from steadfast.models.delivery import Delivery, OnProgress, Patience
from steadfast.models.facts import LicenseAccepted, ModelRemoved
from steadfast.models.licenses import FILE_NAME as LICENSES_FILE
from steadfast.models.licenses import LicenseRecord
from steadfast.models.quarantine import Quarantine
from steadfast.models.room import Room
from steadfast.models.verification import Verdict, Verifier, Vouched
from steadfast.settings import ModelSettings


class ModelState(StrEnum):
    """Whether a model can be used now."""

    READY = "ready"  # present, sum verified, licence accepted where that is needed
    BUNDLED = "bundled"  # ready, and part of an installed package
    MISSING = "missing"  # not on disk
    DAMAGED = "damaged"  # on disk (or in quarantine) with a wrong sum
    LICENSE_NEEDED = "license_needed"  # its terms must be accepted first, present or not

    @property
    def is_usable(self) -> bool:
        """Whether `require` would answer without fetching anything."""
        return self in (ModelState.READY, ModelState.BUNDLED)


class ModelStore:
    """All models of one folder; safe to share between threads, and the folder between processes."""

    def __init__(self, settings: ModelSettings, catalogue: Catalogue | None = None) -> None:
        self.catalogue = catalogue or builtin_catalogue()
        self.folder = settings.dir
        self._settings = settings
        self._verifier = Verifier()
        self._quarantine = Quarantine(settings.dir)
        self._delivery = Delivery(settings.dir, self._verifier, self._quarantine)
        self._licenses = LicenseRecord(settings.dir)
        self._room = Room(settings.dir, settings.max_bytes)

    def require(self, name: str) -> Path:
        """The path of a model whose bytes are verified; what can be mended on the way is mended.

        A damaged file goes to quarantine and is fetched again; a missing one is taken from a `file://`
        mirror, or from the network if `models.auto_pull` is `always`. After the network failed it is left
        alone for five minutes. Raises `LicenseNotAccepted`,
        `ModelMissing`, `ModelDamaged` or `DiskFull`.
        """
        model = self.catalogue[name]
        self._refuse_unaccepted(model)
        for file in model.files:
            place = self._place_of(model, file)
            self._use(model, place)  # first: what is held when it is looked at is not removed afterwards
            verdict = self._verifier.check(place, file)
            if verdict is not Verdict.GOOD:
                self._mend(model, file, verdict)
                self._use(model, place)
        return self.path(name)

    def state(self, name: str) -> ModelState:
        """How the model stands, without changing anything; reads files that changed since the last look."""
        model = self.catalogue[name]
        if not self._licenses.covers(model):
            return ModelState.LICENSE_NEEDED
        verdicts = {self._verdict_on(model, file) for file in model.files}
        if Verdict.WRONG in verdicts:
            return ModelState.DAMAGED
        if Verdict.ABSENT in verdicts:
            return ModelState.MISSING
        return ModelState.BUNDLED if model.is_bundled else ModelState.READY

    def verify(self, name: str) -> ModelState:
        """The state after reading every byte again."""
        model = self.catalogue[name]
        for file in model.files:
            self._verifier.forget(self._place_of(model, file))
        return self.state(name)

    def vouched(self) -> Vouched:
        """The files that were read and found good, for `believing` in another process."""
        return self._verifier.vouched()

    def believing(self, vouched: Vouched) -> Self:
        """This store, which reads none of these files again unless it changes."""
        self._verifier.believe(vouched)
        return self

    def path(self, name: str) -> Path:
        """Where the model's first file is, or would be; says nothing of whether it is there."""
        model = self.catalogue[name]
        return self._place_of(model, model.files[0])

    def pull(self, name: str, *, accept_license: bool = False, on_progress: OnProgress | None = None) -> Path:
        """Fetches the model unless it is there and right; mirrors first, then its URLs in order.

        Raises `LicenseNotAccepted`, `DownloadFailed`, `DiskFull`, `OutputUnwritable`; of a bundled model
        `ModelMissing` or `ModelDamaged`.
        """
        model = self.catalogue[name]
        if accept_license:
            self.accept_license(name)
        self._refuse_unaccepted(model)
        if model.is_bundled:
            return self.require(name)
        for file in model.files:
            urls = [*self._mirror_urls(file), *file.urls]
            self._make_room(model, file)
            self._delivery.deliver(model, file, urls, self._patience(), on_progress)
        return self.path(name)

    def accept_license(self, name: str) -> None:
        """Records that the terms of this model were accepted; asks nothing of a model that has none."""
        model = self.catalogue[name]
        if self._licenses.covers(model):
            return
        with self._delivery.locked(LICENSES_FILE):
            self._licenses.accept(model)
        publish(LicenseAccepted(model=model.name, license=model.license))

    def _refuse_unaccepted(self, model: Model) -> None:
        if self._licenses.covers(model):
            return
        forbids = "forbids" if model.commercial is CommercialUse.NO else "may forbid"
        raise LicenseNotAccepted(
            f"The licence of {model.name} ({model.license}) {forbids} commercial use and was not accepted.",
            remedy=f"Read it, then run `steadfast models pull {model.name} --accept-license`.",
        )

    def _verdict_on(self, model: Model, file: ModelFile) -> Verdict:
        verdict = self._verifier.check(self._place_of(model, file), file)
        if verdict is Verdict.ABSENT and not model.is_bundled and self._quarantine.holds(file):
            return Verdict.WRONG
        return verdict

    def _mend(self, model: Model, file: ModelFile, verdict: Verdict) -> None:
        """Replaces a file that is absent or wrong, or says why it cannot."""
        if model.is_bundled:
            raise _bundle_error(model, verdict)
        is_damaged = self._verdict_on(model, file) is Verdict.WRONG
        urls = list(self._urls_without_asking(file, is_damaged=is_damaged))
        if not urls and not is_damaged:
            raise ModelMissing(
                f"The model {model.name} is not in {self.folder}.",
                remedy=f"Fetch it: `steadfast models pull {model.name}`.",
            )
        if urls:
            self._make_room(model, file)
        try:
            # One try per URL: whoever waits for this model has a next-best engine.
            self._delivery.deliver(model, file, urls, self._patience(attempts=1))
        except (DownloadFailed, OutputUnwritable) as error:
            raise _cannot_mend(model, error, is_damaged=is_damaged) from error

    def _use(self, model: Model, place: Path) -> None:
        if not model.is_bundled:
            self._room.use(place)

    def _make_room(self, model: Model, file: ModelFile) -> None:
        """For a file that is to be fetched; it is fetched even where nothing more can go."""
        if not self._room.is_limited:
            return
        place = self._place_of(model, file)
        others = [
            (self._place_of(other, its), its)
            for other in self.catalogue
            if not other.is_bundled
            for its in other.files
        ]
        removable = [
            path
            for path, its in others
            if its not in model.files and any(self._urls_without_asking(its, is_damaged=False))
        ]
        needed_bytes = 0 if place.exists() else file.size_bytes
        for path in self._room.make(needed_bytes, {path for path, _ in others}, removable):
            size_bytes = next(its.size_bytes for its_path, its in others if its_path == path)
            publish(ModelRemoved(file=path.name, size_bytes=size_bytes))

    def _urls_without_asking(self, file: ModelFile, *, is_damaged: bool) -> Iterator[str]:
        """The URLs that may be used because a model is needed, not because somebody said `pull`."""
        policy = self._settings.auto_pull
        is_allowed = policy == "always" or (policy == "repair" and is_damaged)
        network = is_allowed and not self._delivery.failed_lately(file)
        for url in (*self._mirror_urls(file), *file.urls):
            is_local = url.startswith("file://")
            if (is_local and Path(unquote(urlsplit(url).path)).is_file()) or (network and not is_local):
                yield url

    def _mirror_urls(self, file: ModelFile) -> Iterator[str]:
        return (f"{mirror}/{quote(file.name)}" for mirror in self._settings.mirror)

    def _patience(self, attempts: int | None = None) -> Patience:
        return Patience(
            connect_timeout_s=self._settings.connect_timeout_s,
            read_timeout_s=self._settings.read_timeout_s,
            attempts=attempts or self._settings.attempts,
        )

    def _place_of(self, model: Model, file: ModelFile) -> Path:
        return (_package_folder(model.package) if model.package else self.folder) / file.name


def _package_folder(package: str) -> Path:
    # Found, not imported: the package of dlib's models fails on import with a new setuptools.
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else Path(package)


def _bundle_error(model: Model, verdict: Verdict) -> ModelMissing | ModelDamaged:
    remedy = f"Install the package again: `pip install --force-reinstall {model.package}`."
    if verdict is Verdict.ABSENT:
        return ModelMissing(
            f"The package {model.package}, which carries {model.name}, is not installed.", remedy=remedy
        )
    return ModelDamaged(
        f"The package {model.package} has a wrong or damaged file of {model.name}.", remedy=remedy
    )


def _cannot_mend(model: Model, error: Exception, *, is_damaged: bool) -> ModelMissing | ModelDamaged:
    remedy = f"Fetch it: `steadfast models pull {model.name}`."
    if is_damaged:
        return ModelDamaged(
            f"The file of {model.name} was damaged and cannot be replaced: {error}", remedy=remedy
        )
    return ModelMissing(f"The model {model.name} is missing: {error}", remedy=remedy)
