"""What the layers above may ask of the runtime: `Supervisor` is it, `InMemoryRuntime` its twin."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from steadfast.runtime.employment import Employment
from steadfast.runtime.snapshot import Snapshot
from steadfast.runtime.step_call import StepCall
from steadfast.runtime.ticket import Outcome, Payload


class Runtime(Protocol):
    """Work, knowledge, and a few remedies. `Supervisor` says what each of them promises."""

    async def start(self, *, wait_s: float | None = None) -> None:
        """Starts workers."""

    async def submit(
        self,
        task: str,
        fields: msgspec.Struct,
        blobs: Sequence[Payload] = (),
        *,
        deadline_s: float | None = None,
    ) -> Outcome:
        """Has a request done."""

    async def carry_out(self, task: str, step: StepCall) -> Outcome:
        """Has one step of a job done."""

    async def refuse_poison(self, task: str, fields: msgspec.Struct, blobs: Sequence[Payload] = ()) -> None:
        """Raises `PoisonInput` for an input that has killed too often."""

    def snapshot(self) -> Snapshot:
        """What is known now."""

    def abort(self, request_id: int) -> bool:
        """Ends one request."""

    def release_memory(self, task: str) -> int:
        """Has caches given back."""

    def recycle(self, worker: str, why: str = "asked for") -> bool:
        """Replaces one worker."""

    def restart(self, worker: str) -> bool:
        """Ends one worker at once; what it had begins again in another."""

    async def reload(self, employments: Mapping[str, Employment] | None = None) -> None:
        """Replaces all workers, one by one."""

    async def stop(self, *, grace_s: float) -> None:
        """Ends everything."""
