"""`/v1/drill`: where a drilled server takes orders. Needs the scope `admin`, and `drill.enabled`."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from steadfast.admission.scopes import Scope
from steadfast.api.access import Access
from steadfast.api.exchange import Exchange
from steadfast.api.intake import Intake, IntakeLimits, Room
from steadfast.drill.hooks import server_acts
from steadfast.drill.hooks.server_acts import Patient
from steadfast.drill.orders import FILE, SERVER_ACTS, Act, DrillRequest, Order
from steadfast.errors import InvalidOption
from steadfast.runtime.port import Runtime

_log = logging.getLogger(__name__)
_MOST_BYTES = 16 * 1024
_ANSWER_FIRST_S = 0.05
_SIGNALS = {one.name: one for one in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM)}


class DrillDesk:
    """Keeps the orders that stand and has them obeyed."""

    def __init__(
        self,
        folder: Path,
        *,
        access: Access,
        runtime: Runtime,
        room: Room,
        limits: IntakeLimits,
        patient: Patient,
    ) -> None:
        """Orders of an earlier life are forgotten."""
        self._file = folder / FILE
        self._access = access
        self._runtime = runtime
        self._intake = (room, limits)
        self._patient = patient
        self._orders: dict[str, Order] = {}
        self._turn = asyncio.Lock()
        self._told = b""
        self._write()
        _log.warning("drill hooks are on", extra={"kind": "drill"})

    async def serve(self, exchange: Exchange) -> None:
        """GET: what runs and what stands; POST: one `DrillRequest`."""
        await self._access.admit(exchange, Scope.ADMIN)
        if exchange.method == "POST":
            await self._obey(await self._read(exchange))
        await exchange.answer_json({"processes": self._processes(), "orders": sorted(self._orders)})

    async def _read(self, exchange: Exchange) -> DrillRequest:
        room, limits = self._intake
        body = bytearray()
        with Intake(exchange, room, replace(limits, max_request_bytes=_MOST_BYTES)) as intake:
            while (piece := await intake.next()) is not None:
                body += piece
        try:
            return msgspec.json.decode(body, type=DrillRequest)
        except msgspec.MsgspecError as error:
            raise InvalidOption(f"That is no request of a drill: {error}.") from error

    async def _obey(self, wanted: DrillRequest) -> None:
        async with self._turn:
            if wanted.order is not None:
                self._stand(wanted.order)
            if wanted.lift:
                for order_id in list(self._orders) if wanted.lift == "*" else [wanted.lift]:
                    self._lift(order_id)
            if wanted.signal:
                self._send(wanted.signal, wanted.pid)
            # Not on the loop: while a disk stands still, which is a fault too, nobody else must.
            await asyncio.to_thread(self._write)

    def _stand(self, order: Order) -> None:
        _log.warning("drill order", extra={"kind": order.act.value})
        if order.act is Act.BLOCK_LOOP:
            asyncio.get_running_loop().call_later(_ANSWER_FIRST_S, server_acts.block_the_loop)
            return
        self._orders[order.id] = order
        if order.act in SERVER_ACTS:
            self._patient.suffer(order)

    def _lift(self, order_id: str) -> None:
        self._orders.pop(order_id, None)
        self._patient.recover(order_id)

    def _send(self, name: str, pid: int) -> None:
        if name not in _SIGNALS or pid not in _numbers(self._processes()):
            raise InvalidOption("A drill sends KILL, STOP, CONT or TERM to processes of this service only.")
        _later(lambda: os.kill(pid, _SIGNALS[name]))

    def _processes(self) -> dict[str, Any]:
        workers = [
            {
                "pid": worker.pid,
                "task": pool.task,
                "name": worker.name,
                "is_spare": worker.slot is None,
                "state": worker.state.value,
            }
            for pool in self._runtime.snapshot().pools
            for worker in pool.workers
        ]
        return {"server": os.getpid(), "guardian": os.getppid(), "workers": workers}

    def _write(self) -> None:
        """At once for whoever reads: a worker never sees half of it."""
        aside = self._file.with_suffix(".new")
        orders = [order for order in self._orders.values() if order.act not in SERVER_ACTS]
        told = msgspec.json.encode(orders)
        if told == self._told:  # what only the server suffers comes and goes also on a disk that is full
            return
        aside.write_bytes(told)
        aside.chmod(0o644)  # workers are another user
        aside.replace(self._file)
        self._told = told


def _numbers(processes: dict[str, Any]) -> set[int]:
    return {processes["server"], processes["guardian"], *(one["pid"] for one in processes["workers"])}


def _later(act: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(_ANSWER_FIRST_S, act)
