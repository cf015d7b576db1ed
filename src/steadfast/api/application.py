"""The ASGI application: a table of hot routes, and FastAPI for what nobody is in a hurry for."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias

import msgspec

from steadfast.api.backend import Backend, Role
from steadfast.api.cluster_routes import CLUSTER, DEMAND, ClusterRoutes
from steadfast.api.endings import request_ended
from steadfast.api.entail_routes import EntailRoutes
from steadfast.api.exchange import Exchange
from steadfast.api.face_routes import FaceRoutes
from steadfast.api.health_routes import HealthRoutes
from steadfast.api.inbox import Receive
from steadfast.api.incident_routes import CRASHES, INCIDENTS, IncidentRoutes
from steadfast.api.job_answers import JOBS
from steadfast.api.job_routes import METHODS as JOB_METHODS
from steadfast.api.job_routes import METHODS_OF_ONE as JOB_METHODS_OF_ONE
from steadfast.api.job_routes import JobRoutes
from steadfast.api.reply import Send
from steadfast.api.status_routes import StatusRoutes
from steadfast.api.upload_routes import METHODS, METHODS_OF_ONE, UPLOADS, UploadRoutes
from steadfast.errors import (
    NotServedHere,
    RequestCancelled,
    ServiceError,
    SteadfastError,
    UnknownRoute,
    WrongMethod,
)
from steadfast.events import is_heard, publish
from steadfast.observability.request_log import RequestLog
from steadfast.observability.requests import RequestEnded, RequestStarted
from steadfast.observability.traces.port import RequestTrace
from steadfast.runtime.caller import CALLER, Caller

_log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """What is served at one path."""

    method: str
    """Or several, parted by a comma and a blank."""
    handle: Handler
    is_work: bool = False
    """Whether a client that goes away ends it."""
    is_stream: bool = False
    """The same, for an answer without an end, which is not logged as work."""
    is_of_nodes: bool = False
    """Whether a server that only works on jobs serves it, too: what it tells of itself."""
    is_named: bool = True
    """Whether `Host` and `Origin` are checked where no keys are asked for."""

    def allows(self, method: str) -> bool:
        """Whether it is asked by that method; who may ask for a body may ask for its head."""
        methods = self.method.split(", ")
        return method in methods or (method == "HEAD" and "GET" in methods)


class Application:
    """Every request passes here once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._description: bytes | None = None
        self._serials = count(1)
        faces, health, incidents = FaceRoutes(backend), HealthRoutes(backend), IncidentRoutes(backend)
        uploads, jobs, status = UploadRoutes(backend), JobRoutes(backend), StatusRoutes(backend)
        self._routes = {
            "/v1/swap": Route("POST", faces.swap, is_work=True, is_named=False),
            "/v1/faces": Route("POST", faces.faces, is_work=True, is_named=False),
            "/v1/entail": Route("POST", EntailRoutes(backend).entail, is_work=True, is_named=False),
            "/health": Route("GET", health.health, is_of_nodes=True),
            # Tells nothing, and the guardian asks it by whatever address the service listens on.
            "/health/live": Route("GET", health.live, is_named=False, is_of_nodes=True),
            "/health/ready": Route("GET", health.ready, is_of_nodes=True),
            "/healthz": Route("GET", health.ready, is_of_nodes=True),
            "/health/simple": Route("GET", health.simple, is_of_nodes=True),
            "/metrics": Route("GET", health.metrics, is_of_nodes=True),
            "/status": Route("GET", status.page, is_of_nodes=True),
            "/v1/status": Route("GET", status.status, is_of_nodes=True),
            "/v1/incidents": Route("GET", incidents.incidents, is_of_nodes=True),
            "/v1/incidents/stream": Route("GET", incidents.stream, is_stream=True, is_of_nodes=True),
            "/v1/crashes": Route("GET", incidents.crashes, is_of_nodes=True),
            JOBS: Route(JOB_METHODS, jobs.jobs),
            UPLOADS: Route(METHODS, uploads.uploads),
            CLUSTER: Route("GET", ClusterRoutes(backend).cluster, is_of_nodes=True),
            DEMAND: Route("GET", ClusterRoutes(backend).demand, is_of_nodes=True),
            "/openapi.json": Route("GET", self._describe),
        }
        if backend.drill is not None:
            self._routes["/v1/drill"] = Route("GET, POST", backend.drill)
        self._routes_below = {
            INCIDENTS: Route("GET", incidents.incident, is_of_nodes=True),
            CRASHES: Route("GET", incidents.crash, is_of_nodes=True),
            f"{JOBS}/": Route(JOB_METHODS_OF_ONE, jobs.job),
            f"{UPLOADS}/": Route(METHODS_OF_ONE, uploads.upload),
        }
        """Routes whose path ends with an id."""
        if backend.role is not Role.ALL:
            self._routes = {path: _of_role(route, backend.role) for path, route in self._routes.items()}
            below = {path: _of_role(route, backend.role) for path, route in self._routes_below.items()}
            self._routes_below = below

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request under an ASGI server that is not ours."""
        if scope["type"] == "http":
            await self.serve(Exchange.over_asgi(scope, receive, send))

    async def serve(self, exchange: Exchange) -> None:
        """One request, answered whatever happens."""
        route = self._routes.get(exchange.path) or self._route_below(exchange.path)
        tally, began_s = self._backend.tally, time.perf_counter()
        tally.running += 1
        is_submission = exchange.path == JOBS and exchange.method == "POST"
        counts = is_submission or (route is not None and route.is_work)
        serial = next(self._serials) if counts else 0
        if counts and is_heard(RequestStarted):
            publish(RequestStarted(serial=serial, route=exchange.path))
        trace = self._begin_trace(exchange, route) if self._backend.traces is not None else None
        try:
            if counts and route is not None and self._backend.request_log is not None:
                await self._answer_and_log(exchange, route, self._backend.request_log)
            else:
                await self._answer(exchange, route)
        finally:
            tally.running -= 1
            # Under its own name only where there are few names: an id in it would make a new count each time.
            path = exchange.path if exchange.path in self._routes else "other"
            took_s = time.perf_counter() - began_s
            tally.count(path, exchange.status, took_s)
            ended = None
            if counts and (trace is not None or is_heard(RequestEnded)):
                ended = request_ended(exchange, took_s, serial, is_submission=is_submission)
                publish(ended)
            if trace is not None:
                trace.end(exchange.status, ended)

    def _begin_trace(self, exchange: Exchange, route: Route | None) -> RequestTrace | None:
        """Of what works or submits; from here on the request says that it belongs to it."""
        traces = self._backend.traces
        is_traced = route is not None and (route.is_work or exchange.path == JOBS)
        if traces is None or not is_traced:
            return None
        tracestate = exchange.headers.get(b"tracestate", b"").decode("latin-1")
        trace = traces.begin(
            exchange.method, exchange.path, traceparent=exchange.traceparent, tracestate=tracestate
        )
        exchange.headers[b"traceparent"] = trace.traceparent.encode()
        if trace.is_recorded:
            CALLER.set(Caller(traceparent=trace.traceparent))  # in the context of this request's own task
        return trace

    def _route_below(self, path: str) -> Route | None:
        return next((route for prefix, route in self._routes_below.items() if path.startswith(prefix)), None)

    async def _answer_and_log(self, exchange: Exchange, route: Route, log: RequestLog) -> None:
        request_id = exchange.request_id.decode()
        with log.begin(request_id=request_id, route=exchange.path, method=exchange.method) as entry:
            await self._answer(exchange, route)
            entry.note(**{name: said for name, said in exchange.noted.items() if name != "traceparent"})
            entry.end(status=exchange.status, code=exchange.code)

    async def _answer(self, exchange: Exchange, route: Route | None) -> None:
        if self._backend.stopping:
            exchange.close_after()
        connection = exchange.connection if route is not None and (route.is_work or route.is_stream) else None
        if connection is not None:
            connection.end_with_client()
        try:
            await self._dispatch(exchange, route)
        except SteadfastError as error:
            await self._refuse(exchange, error, route)
        except asyncio.CancelledError:
            if connection is None or not connection.client_left:
                raise
            # Nobody is there to be told.
            exchange.status, exchange.code = RequestCancelled.status, RequestCancelled.code
        except Exception:  # noqa: BLE001 — the border of HTTP: nobody may wait in vain for an answer
            _log.exception("request failed", extra={"request_id": exchange.request_id.decode()})
            await self._refuse(exchange, ServiceError("Something went wrong that was not foreseen."), route)
        finally:
            if connection is not None:
                connection.go_on_without_client()

    async def _dispatch(self, exchange: Exchange, route: Route | None) -> None:
        if route is None:
            raise UnknownRoute(f"Nothing is served at {exchange.path[:200]}.")
        if exchange.method != route.method and not route.allows(exchange.method):
            raise WrongMethod(f"{exchange.path} is asked by {route.method}, not {exchange.method[:20]}.")
        if route.is_named and not self._backend.access.needs_keys:
            self._backend.access.check_names(exchange)
        await route.handle(exchange)

    async def _refuse(self, exchange: Exchange, error: SteadfastError, route: Route | None) -> None:
        exchange.noted = {**error.effort, **exchange.noted}
        if exchange.started:
            return
        headers = [(b"allow", route.method.encode())] if isinstance(error, WrongMethod) and route else []
        await exchange.refuse(error, headers)

    async def _describe(self, exchange: Exchange) -> None:
        if self._description is None:
            self._description = await asyncio.to_thread(_described)
        await exchange.answer(200, b"application/json", self._description)


def _of_role(route: Route, role: Role) -> Route:
    """The same route, or one that refuses: what another server of the cluster serves."""
    serves = not route.is_work if role is Role.API else route.is_of_nodes
    return route if serves else replace(route, handle=_refusing(role), is_work=False, is_stream=False)


def _refusing(role: Role) -> Handler:
    async def refuse(_exchange: Exchange) -> None:
        does = "takes jobs and has no workers" if role is Role.API else "only works on jobs"
        raise NotServedHere(f"This server {does}.")

    return refuse


def _described() -> bytes:
    # FastAPI is only needed for this, and costs a start half a second and the server 20 MB.
    from steadfast.api.documentation import document_application  # noqa: PLC0415

    return msgspec.json.encode(document_application().openapi())
