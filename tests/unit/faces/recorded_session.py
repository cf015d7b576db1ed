"""A model session that shows what it was fed and answers what it was told."""

from collections.abc import Mapping
from typing import cast

from steadfast.inference.sessions import ModelSession, Tensor


class RecordedSession:
    """Stands in for a `ModelSession`."""

    def __init__(self, answers: Mapping[str, Tensor]) -> None:
        self.answers = dict(answers)
        self.feeds: list[dict[str, Tensor]] = []

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.feeds.append(dict(feeds))
        return self.answers

    @property
    def session(self) -> ModelSession:
        return cast(ModelSession, self)
