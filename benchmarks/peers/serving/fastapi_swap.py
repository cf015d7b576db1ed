"""FastAPI under uvicorn with two processes.

    python fastapi_swap.py PORT

Settings and why:
- `def`, not `async def`: FastAPI's documentation ("Concurrency and async / await") says so for code that
  blocks; it then runs in a thread, and the event loop answers /health meanwhile. One inference at a time
  per process: the models are not made for two threads.
- `workers=2`: "Server Workers" of FastAPI's deployment guide, one per core; uvicorn's parent replaces dead
  ones and those whose ping does not come back within `timeout_worker_healthcheck` (5 s, its default).
- `limit_max_requests` with jitter: uvicorn's settings name it against leaks ("useful when running together
  with a process manager, for preventing memory leaks from impacting long-running processes"). 100 where an
  hour is told in 240 requests.
- No `limit_concurrency`: uvicorn counts connections with it, kept ones too, so that it refuses clients of
  an idle server.
- There is no setting for a time limit of a request.
- /inline is the same without a thread, for the cost of supervision alone.
"""

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import Body, FastAPI, Request, Response

from benchmarks.peers.function import SwapFunction


class Model:
    """Loaded once per process, by its lifespan."""

    swap: SwapFunction
    lock = threading.Lock()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Loads before the first request, as FastAPI's documentation does it."""
    Model.swap = SwapFunction()
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/swap")
def swap(picture: bytes = Body(media_type="application/octet-stream")) -> Response:
    """The swapped picture."""
    with Model.lock:
        return Response(Model.swap(picture), media_type="image/jpeg")


@app.post("/inline")
async def inline(request: Request) -> Response:
    """The swapped picture, made in the event loop."""
    return Response(Model.swap(await request.body()), media_type="image/jpeg")


@app.get("/health")
async def health() -> dict[str, str]:
    """What most services answer."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(
        "benchmarks.peers.serving.fastapi_swap:app",
        port=int(sys.argv[1]),
        workers=2,
        limit_max_requests=100,
        limit_max_requests_jitter=20,
        log_level="error",
        access_log=False,
    )
