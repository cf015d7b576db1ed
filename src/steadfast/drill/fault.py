"""What a fault is: a beginning, an end, and what must hold meanwhile.

Third parties add theirs through the entry point group `steadfast.drill_faults`; an entry point names a class:

    class CoffeeMachine(Fault):
        name = "coffee-machine"
        what = "The coffee machine is unplugged."
        group = Group.SERVER
        lasts_s = 5.0

        async def inject(self, scene: Scene) -> None:
            await unplug()

        async def heal(self, scene: Scene) -> None:
            await plug_in()

        def expect(self) -> Expectation:
            return Expectation(most_failed=0)
"""

import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from steadfast.drill.client import Answer, Ask, Client
from steadfast.drill.orders import Act, Order, marked

if TYPE_CHECKING:
    import asyncio

    from steadfast.drill.house import House, PrivateServer
    from steadfast.drill.materials import Materials
    from steadfast.drill.traffic import Traffic


class Group(StrEnum):
    """What a fault hits; endurance runs report these apart."""

    WORKER = "worker"
    MODEL = "model"
    MEMORY = "memory"
    DISK = "disk"
    STORE = "store"  # database and files
    TRAFFIC = "traffic"
    SERVER = "server"
    SURROUNDINGS = "surroundings"  # clock, names, receivers


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What must hold for the verdict `held`."""

    signs: tuple[str, ...] = ()
    """What detects it, any of: `incident:KIND` (opened by the service), `carrier:STATUS` (an answer to a
    request that carries the fault), `refusal:CODE` (an answer to ordinary traffic), `takeover` (a request was
    started again in another worker), `replaced` (other workers serve), `restarted` (another server process),
    `degraded` (the service or an answer says so), `gone` (its processes ended). Empty: nothing is to be
    detected."""
    detect_within_s: float = 10.0
    """From the injection."""
    recover_within_s: float = 60.0
    """From the end of the fault to every worker and spare loaded and serving, or from its beginning where it
    ends by itself."""
    carriers: tuple[str, ...] = ()
    """What requests that carry the fault may be answered, by status (`504`); empty: none are sent."""
    most_failed: int = 0
    """Ordinary requests that may fail."""
    refusals: tuple[str, ...] = ()
    """Codes that ordinary requests may be refused with while it lasts: such count as refused, not failed."""
    outage_s: float | None = None
    """For which the port may be silent, and requests with it; None: never."""
    most_wrong: int | None = 0
    """Answers of 200 that may be wrong; None: any number until it is detected."""
    side_signs: tuple[str, ...] = ()
    """Kinds of incidents that may come with it, beside those of `signs`."""


class NotHere(Exception):
    """This machine, or this service, cannot show the fault; the message says why."""


class Fault(ABC):
    """One way to break a service; each injection has an object of its own, to keep what healing needs."""

    name: ClassVar[str]
    """kebab-case; unique."""
    what: ClassVar[str]
    """One sentence: what is done."""
    group: ClassVar[Group]
    lasts_s: ClassVar[float] = 0.0
    """From `inject` to `heal`; 0: it happens and is over."""
    needs_own_server: ClassVar[bool] = False
    """Whether only a private server can be treated so: its files, its processes, its start."""
    house: ClassVar[str] = ""
    """Kind of private server that it needs (`HouseKind`); empty: the usual one."""

    def missing(self, house: "House") -> str:  # noqa: ARG002
        """Why it cannot be shown here, in words; empty: it can."""
        return ""

    @abstractmethod
    async def inject(self, scene: "Scene") -> None:
        """Breaks it. Raises `NotHere` where that turns out to be impossible."""

    async def heal(self, scene: "Scene") -> None:  # noqa: B027 — most faults end by themselves
        """Ends the fault; whatever is left to do is the service's affair."""

    @abstractmethod
    def expect(self) -> Expectation:
        """What must hold."""


@dataclass(kw_only=True)
class Scene:
    """Everything that a fault may lay its hands on, for one injection."""

    house: "House"
    traffic: "Traffic"
    materials: "Materials"
    dice: random.Random
    """Seeded: the same seed chooses the same victims."""
    carriers: list[Answer] = field(default_factory=list)
    """Answers to requests that carried the fault."""
    signs: dict[str, float] = field(default_factory=dict)
    """Signs that the fault itself has seen, and when, on the monotonic clock."""
    broken: list[str] = field(default_factory=list)
    """Promises that the fault itself has seen broken, as sentences."""
    running: list["asyncio.Task[Any]"] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    @property
    def own(self) -> "PrivateServer":
        """The server, for faults with `needs_own_server`: it is a private one."""
        from steadfast.drill.house import PrivateServer  # noqa: PLC0415 — it knows faults

        assert isinstance(self.house, PrivateServer)
        return self.house

    async def order(self, act: Act, **more: Any) -> Order:
        """Has the service suffer this until `lift`."""
        order = Order(id=uuid.uuid4().hex[:12], act=act, **more)
        self.orders.append(order.id)
        await self.house.order(order)
        return order

    async def lift(self) -> None:
        """Ends every order of this scene."""
        for order_id in self.orders:
            await self.house.lift(order_id)
        self.orders.clear()

    async def swap_with(self, act: Act, *, deadline_s: float | None = None, **more: Any) -> Ask:
        """A swap that suffers this; another input each time."""
        order = await self.order(act, is_marked=True, **more)
        target = marked(self.materials.photos[0], order.id, str(self.dice.getrandbits(32)))
        return self.materials.swap(target=target, deadline_s=deadline_s)

    def send(self, request: Ask, *, within_s: float = 60.0) -> None:
        """Sends a request that carries the fault; its answer is noted when it comes."""

        async def sending() -> None:
            client = Client(self.house.endpoint)
            try:
                self.carriers.append(await client.send(request, within_s=within_s))
            finally:
                await client.close()

        self.begin(sending())

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Has something go on beside the drill; it is waited for at the end of the fault's window."""
        import asyncio  # noqa: PLC0415

        self.running.append(asyncio.create_task(work))
