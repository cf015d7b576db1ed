"""FastAPI + uvicorn, the work in a thread."""

import sys

import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

app = FastAPI()


@app.post("/echo")
async def echo(request: Request) -> dict[str, int]:
    """The length of the body."""
    return {"bytes": await run_in_threadpool(len, await request.body())}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
