"""The whole examination, in the order in which things depend on each other."""

from collections.abc import Iterator

from steadfast.doctor.codecs import examine_codecs
from steadfast.doctor.confinement import examine_confinement
from steadfast.doctor.devices import examine_inference
from steadfast.doctor.engines import engine_findings, engine_taken, model_findings, try_engines
from steadfast.doctor.finding import Diagnosis, Finding
from steadfast.doctor.machine import examine_machine
from steadfast.models.store import ModelStore
from steadfast.settings import Settings


def examine(settings: Settings) -> Diagnosis:
    """Tries everything a swap needs; takes a few seconds, because it loads the engines."""
    # First, because a folder that serves as mirror may bring models while the engines are tried.
    verdicts = try_engines(settings)
    wanted, store = settings.faces.engine, ModelStore(settings.models)

    def findings() -> Iterator[Finding]:
        yield from examine_machine(settings.models.dir)
        yield from examine_inference(settings.inference)
        yield from examine_codecs()
        yield from model_findings(store)
        yield from engine_findings(verdicts, wanted, store)
        yield from examine_confinement([settings.models.dir, settings.data_dir])

    taken = engine_taken(verdicts, wanted)
    return Diagnosis(findings=tuple(findings()), auto_engine=taken.value if taken else None)
