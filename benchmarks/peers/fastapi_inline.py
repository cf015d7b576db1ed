"""FastAPI + uvicorn, in the event loop: no isolation whatever."""

import sys

import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/echo")
async def echo(request: Request) -> dict[str, int]:
    """The length of the body."""
    return {"bytes": len(await request.body())}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
