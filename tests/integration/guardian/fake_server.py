# ruff: noqa: T201 — what it prints is what the test reads
"""A server small enough to be broken in every way.

    python fake_server.py [--crash CODE | --deaf | --stubborn]

GET /health/live answers; /pid its id; /block stops its loop for good; /orphan leaves a grandchild behind and
answers with its id; /leave ends it with status 0.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time

from steadfast.guardian.attach import attach_to_guardian

ORPHAN = """
import subprocess
print(subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
"""


def leave_orphan() -> str:
    """The id of a process whose parent has ended already."""
    return subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, check=True, text=True
    ).stdout.strip()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request per connection."""
    path = (await reader.readline()).split()[1].decode()
    body = "live"
    if path == "/pid":
        body = str(os.getpid())
    if path == "/orphan":
        body = await asyncio.to_thread(leave_orphan)  # a loop that waits for it looks hung on a busy machine
    if path == "/block":
        time.sleep(600)
    if path == "/leave":
        os._exit(0)
    writer.write(f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()


async def serve(*, is_deaf: bool) -> None:
    """Serves until SIGTERM; says on standard output what its guardian told it."""
    attachment = attach_to_guardian()
    print("last death:", attachment.last_death, flush=True)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: print("reloaded", flush=True))
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    attachment.heartbeat.start(loop)
    attachment.heartbeat.ready(host, port)
    print("port:", port, flush=True)
    if is_deaf:
        server.close()
    await stop.wait()
    print("stopped in order", flush=True)


if __name__ == "__main__":
    if "--crash" in sys.argv:
        sys.exit(int(sys.argv[sys.argv.index("--crash") + 1]))
    if "--stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    asyncio.run(serve(is_deaf="--deaf" in sys.argv))
