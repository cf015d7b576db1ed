"""Orders that stand in a drilled server, and the file in which its workers read theirs."""

import asyncio
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from steadfast.drill.hooks.desk import DrillDesk
from steadfast.drill.orders import Act, DrillRequest, Order


class Patient:
    """Remembers what it suffers."""

    def __init__(self) -> None:
        self.suffers: set[str] = set()

    def suffer(self, order: Order) -> None:
        self.suffers.add(order.id)

    def recover(self, order_id: str) -> None:
        self.suffers.discard(order_id)


def test_what_the_server_suffers_comes_and_goes_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder, patient = tmp_path / "drill", Patient()
    folder.mkdir()

    async def test() -> None:
        nobody = cast("Any", None)
        desk = DrillDesk(
            folder, access=nobody, runtime=nobody, room=nobody, limits=nobody, patient=cast("Any", patient)
        )
        shutil.rmtree(folder)  # as good as a full disk, and for root, too
        await desk._obey(DrillRequest(order=Order(id="a", act=Act.SLOW_DISK, amount=1.0)))
        assert patient.suffers == {"a"}
        await desk._obey(DrillRequest(lift="a"))
        assert patient.suffers == set()
        with pytest.raises(FileNotFoundError):  # workers would not hear of it
            await desk._obey(DrillRequest(order=Order(id="b", act=Act.SLOW, amount=3.0)))

    asyncio.run(test())
