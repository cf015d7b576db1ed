"""The faces task without faces: it answers how many bytes came; what is left is the service's own time."""

import msgspec

from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response, Task
from steadfast.tasks.face_messages import FaceAnswer, FaceRequest

_ANSWER = FaceAnswer(engine="echo", models=())


class EchoFaces(Task[FaceRequest]):
    """Behind the product's own routes, by `runtime.face_task`."""

    request_type = FaceRequest

    def load(self, point: OperatingPoint) -> None:
        """Nothing to load."""

    def run(self, request: Request[FaceRequest], progress: Progress) -> Response:  # noqa: ARG002
        """The length of the body."""
        (blob,) = request.blobs
        size = len(blob) if isinstance(blob, memoryview) else blob.stat().st_size
        return Response(fields=_ANSWER, blobs=(msgspec.json.encode({"bytes": size}),))

    def canary(self) -> CanaryVerdict:
        """Always right."""
        return CanaryVerdict(passed=True)
