"""What a server does for its cluster, begun and ended as one."""

import asyncio
from typing import Any, cast

import pytest

from steadfast.cluster import cluster
from steadfast.cluster.cluster import Cluster


class Standing:
    """A chief that is none."""

    is_chief = False

    def stand(self) -> bool:
        return False

    def resign(self) -> None:
        """There is nothing to give up."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class Faltering:
    """A member whose first round of signs of life breaks off."""

    def __init__(self) -> None:
        self.rounds = 0
        self.goes_on = asyncio.Event()
        self.has_left = False

    async def beat(self) -> None:
        """The first of all."""

    async def run(self) -> None:
        self.rounds += 1
        if self.rounds == 1:
            raise RuntimeError("dictionary changed size during iteration")
        self.goes_on.set()
        await asyncio.Event().wait()

    async def look_forever(self) -> None:
        await asyncio.Event().wait()

    async def leave(self) -> None:
        self.has_left = True


def test_signs_of_life_that_broke_off_go_on_and_the_end_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_AGAIN_S", 0.0)

    async def live() -> Faltering:
        member = Faltering()
        parts = cast("Any", {"registry": None, "chief": Standing(), "member": member, "unserved": None})
        mine = Cluster(cast("Any", None), **parts)
        await mine.start()
        await asyncio.wait_for(member.goes_on.wait(), 30.0)
        await mine.stop()
        return member

    member = asyncio.run(live())
    assert (member.rounds, member.has_left) == (2, True)
