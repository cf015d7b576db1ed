"""BentoML with two workers.

    bentoml serve benchmarks.peers.serving.bentoml_swap:Swap --port PORT

Settings and why (its page "Configurations" and its guides to workers and concurrency):
- `workers=2`: one process per core.
- `threads=1`: one inference at a time per process; its default, named here because the models need it.
- `traffic.timeout=5`: the deadline of all servers here.
- `traffic.max_concurrency=64`: a hard bound, beyond it 429; each worker gets half of it. 64 is what two
  workers do within one deadline.
- The picture is a root input (the parameter before `/`), so that bytes come as bytes.
- /readyz says whether the service has loaded.
- `bentoml serve` without `--reload` is its production mode; its metrics and its log of accesses are off, as
  in the other servers.
"""

# It runs with an interpreter of its own; here its library is not installed.
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from benchmarks.peers.function import SwapFunction

Picture = Annotated[bytes, ContentType("image/jpeg")]


@bentoml.service(
    workers=2,
    threads=1,
    traffic={"timeout": 5, "max_concurrency": 64},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Swap:
    """The swap in processes that serve HTTP themselves."""

    def __init__(self) -> None:
        self._swap = SwapFunction()

    @bentoml.api(route="/swap")
    def swap(self, picture: Annotated[Path, ContentType("image/jpeg")], /) -> Picture:
        """The swapped picture."""
        return self._swap(picture.read_bytes())
