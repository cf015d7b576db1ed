"""The mark that every output of a swap carries, from the engine that made it."""

from steadfast import __version__
from steadfast.faces.roles import Engine
from steadfast.media.provenance import Mark

PROGRAM = f"Steadfast {__version__}"


def mark_of(engine: Engine) -> Mark:
    """What an output of this engine says of itself."""
    return Mark(
        generative=engine.swapper.is_generative,
        program=PROGRAM,
        engine=engine.name.value,
        models=engine.models,
    )
