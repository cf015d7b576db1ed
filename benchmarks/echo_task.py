"""The cheapest task there is: what is left of a request's time is the runtime's own."""

import msgspec

from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response, Task


class Echo(msgspec.Struct, frozen=True):
    """Nothing to say beyond the bytes."""


class EchoTask(Task[Echo]):
    """Sends the bytes back."""

    request_type = Echo

    def load(self, point: OperatingPoint) -> None:
        """Nothing to load."""

    def run(self, request: Request[Echo], progress: Progress) -> Response:  # noqa: ARG002
        """The same bytes."""
        return Response(fields=Echo(), blobs=tuple(b for b in request.blobs if isinstance(b, memoryview)))

    def canary(self) -> CanaryVerdict:
        """Always right."""
        return CanaryVerdict(passed=True)
