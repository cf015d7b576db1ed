"""Wires the parts together; only the command line and the server import it."""

from dataclasses import dataclass

from steadfast.entailment.loading import load_model
from steadfast.entailment.model import EntailmentModel
from steadfast.faces.engines import choose_engine
from steadfast.faces.roles import Engine, EngineName
from steadfast.inference.sessions import SessionCache
from steadfast.media.limits import MediaLimits
from steadfast.models.store import ModelStore
from steadfast.settings import Settings
from steadfast.tasks.cast import CastReader
from steadfast.tasks.face_swap import SwapReport, SwapRequest, swap_file
from steadfast.tasks.video_report import OnProgress


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """The parts that live as long as the process."""

    settings: Settings
    store: ModelStore
    sessions: SessionCache

    @property
    def limits(self) -> MediaLimits:
        """What is read at most."""
        return MediaLimits.of(self.settings.media)

    def open_engine(self, name: EngineName | None = None) -> Engine:
        """The engine of that name, else the one of the settings, else the best that works here.

        Raises EngineUnavailable with the cause and its remedy.
        """
        wanted = self.settings.faces.engine
        if name is None and wanted != "auto":
            name = EngineName(wanted)
        return choose_engine(name, self.store, self.sessions, self.settings)

    def best_engine(self) -> Engine:
        """The best engine that works here, whatever the settings say; raises EngineUnavailable."""
        return choose_engine(None, self.store, self.sessions, self.settings)

    def open_entailment(self) -> EntailmentModel:
        """The model that holds sentences against pictures. Raises what `load_model` raises."""
        return load_model(self.settings.entailment, self.store, self.sessions)

    def casts_for(self, engine: Engine) -> CastReader:
        """What reads source photos once for many swaps with this engine."""
        return CastReader(engine, self.limits)

    def swap(
        self,
        request: SwapRequest,
        engine: Engine,
        on_progress: OnProgress | None = None,
        casts: CastReader | None = None,
    ) -> SwapReport:
        """One swap as one piece of work: residency decides when it ends which models stay in memory.

        Several swaps may share `casts`, see `casts_for`.
        """
        with self.sessions.work():
            return swap_file(request, engine, limits=self.limits, casts=casts, on_progress=on_progress)


def open_app(settings: Settings) -> App:
    """Everything wired by the settings; nothing is loaded yet."""
    return App(
        settings=settings,
        store=ModelStore(settings.models),
        sessions=SessionCache(settings.inference),
    )
