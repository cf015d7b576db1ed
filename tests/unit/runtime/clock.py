"""A clock that moves when it is told to."""


class Clock:
    """Seconds, from zero."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self, seconds: float) -> None:
        """Lets time go by."""
        self.now_s += seconds
