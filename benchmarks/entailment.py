"""Questions about pictures through HTTP, against bare ONNX Runtime in the same run.

    python -m benchmarks.entailment [--ofa CONVERTED_FOLDER | --torch-python PYTHON] [--seconds 4]

`CONVERTED_FOLDER` is what `steadfast models convert ofa` made. With `--torch-python`, an interpreter that has
torch and onnxscript, a folder of the large layout with random weights is made first, which takes minutes and
costs as much time to ask as real ones. Needs `wrk`.

Beside what batches gain stands what they could: what the network itself gains from them, and what the service
and its worker would do if they kept every core busy.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import httpx
import numpy as np
import onnxruntime
import psutil

from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.loading import load_model
from steadfast.entailment.model import EntailmentModel, Question
from steadfast.entailment.shapes.evaluation import FRESH_SEED, cases, drawn
from steadfast.inference.sessions import SessionCache
from steadfast.media.pictures import read_picture
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings
from steadfast.settings.entailment import EntailmentSettings

ROOT = Path(__file__).resolve().parents[1]
CROWD = 32
_GRAPH = ROOT / "src" / "steadfast" / "entailment" / "shapes" / "shapes.onnx"
_SERVE = ("-m", "steadfast", "serve", "--no-guardian", "--quiet")
_ALONE = "embedded: HTTP, 1 client"
_BOUNDARY = "boundary-of-the-benchmark"
_SCRIPT = """
local forms, next = {}, 0
for number = 0, %(last)d do
  local file = io.open('%(folder)s/' .. number, 'rb')
  forms[number] = file:read('*a')
  file:close()
end
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'multipart/form-data; boundary=%(boundary)s'
request = function()
  next = (next + 1) %% (%(last)d + 1)
  return wrk.format(nil, nil, nil, forms[next])
end
"""
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Processor time per question, of this process or of the service with its workers."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question, as a client sends it."""

    text: str
    content: bytes


def questions() -> list[Asked]:
    """One for each client of a crowd: a drawing, as a PNG of 256 pixels, and a sentence about it."""
    return [
        Asked(text=sentence.text, content=cv2.imencode(".png", drawn(scene, 256))[1].tobytes())
        for scene, sentence in cases(FRESH_SEED, CROWD)
    ]


def about_one(asked: Sequence[Asked]) -> list[Asked]:
    """All sentences about the first picture."""
    return [replace(question, content=asked[0].content) for question in asked]


def bare(name: str, work: Callable[[], object], seconds: float) -> Row:
    """The work again and again in this process, without a server."""
    work()
    took_ms: list[float] = []
    cpu_s = time.process_time()
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s or len(took_ms) < 3:
        began_s = time.perf_counter()
        work()
        took_ms.append((time.perf_counter() - began_s) * 1000)
    p50, p99 = np.percentile(took_ms, [50, 99])
    return Row(
        name=name,
        per_second=1000 / float(np.mean(took_ms)),
        p50_ms=float(p50),
        p99_ms=float(p99),
        cpu_ms=(time.process_time() - cpu_s) * 1000 / len(took_ms),
    )


def bare_rows(label: str, model: EntailmentModel, asked: Asked, seconds: float) -> list[Row]:
    """The network alone, and with what must be done to its picture."""
    text = clean_sentence(asked.text)
    question = Question(pixels=read_picture(asked.content).pixels, text=text)
    return [
        bare(f"{label}: bare, prepared pixels", lambda: model.judge([question]), seconds),
        bare(
            f"{label}: bare, from the file",
            lambda: model.judge([Question(pixels=read_picture(asked.content).pixels, text=text)]),
            seconds,
        ),
    ]


def network_rows(seconds: float) -> list[Row]:
    """ONNX Runtime and nothing else on one thread: one question in a run, and a crowd of them, each alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(_GRAPH), options)
    rows = []
    for count in (1, CROWD):
        feeds = {
            "pictures": np.random.default_rng(1).random((count, 3, 64, 64), np.float32),
            "ids": np.random.default_rng(1).integers(1, 40, (count, 10)),
        }
        row = bare("", partial(session.run, None, feeds), seconds)
        rows.append(
            Row(
                name=f"embedded: bare ONNX Runtime, {count} in a run",
                per_second=row.per_second * count,
                p50_ms=row.p50_ms / count,
                p99_ms=row.p99_ms / count,
                cpu_ms=row.cpu_ms / count,
            )
        )
    return rows


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server that answers."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor time of the server and its workers so far."""
        times = [one.cpu_times() for one in (self.process, *self.process.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))


@contextmanager
def served(settings: Mapping[str, str]) -> Iterator[Service]:
    """A server with these settings, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "STEADFAST_DATA_DIR": folder,
            "STEADFAST_RUNTIME__SPARES": "0",
            "STEADFAST_LOGS__LEVEL": "warning",
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, *_SERVE, "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _await(url, process)
            yield Service(url=url, process=psutil.Process(process.pid))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + 180
    while time.monotonic() < until_s and process.poll() is None:
        with suppress(httpx.HTTPError):
            ready = httpx.get(f"{url}/health/ready", params={"task": "visual_entailment"}, timeout=10)
            if ready.status_code == 200:
                return
        with suppress(subprocess.TimeoutExpired):  # a pause that its end cuts short
            process.wait(0.1)
    raise SystemExit("the server does not become ready")


def through_http(name: str, service: Service, asked: Sequence[Asked], clients: int, seconds: float) -> Row:
    """One run of wrk with forms, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        for number, question in enumerate(asked):
            (Path(folder) / f"{number}").write_bytes(_form(question))
        script = Path(folder) / "script.lua"
        script.write_text(_SCRIPT % {"folder": folder, "last": len(asked) - 1, "boundary": _BOUNDARY})

        def wrk(clients: int, seconds: float) -> str:
            command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--timeout", "60s", "--latency"]
            command += ["-s", str(script), f"{service.url}/v1/entail"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        wrk(clients, min(seconds, 2))  # a first round that does not count
        cpu_s = service.cpu_s()
        said = wrk(clients, seconds)
        cpu_s = service.cpu_s() - cpu_s
    if "Non-2xx" in said:
        raise SystemExit(f"requests failed:\n{said}")
    return Row(
        name=name,
        per_second=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50_ms=_ms(_found(r"\n +50%\s+(\S+)", said)),
        p99_ms=_ms(_found(r"\n +99%\s+(\S+)", said)),
        cpu_ms=cpu_s * 1000 / int(_found(r"(\d+) requests in", said)),
    )


def one_by_one(name: str, service: Service, asked: Asked, seconds: float) -> Row:
    """Questions of one client, each waited for: wrk may end before a large model has answered once."""
    asked_count = 0

    def ask() -> None:
        nonlocal asked_count
        asked_count += 1
        files = {"image": ("a.png", asked.content)}
        client.post(f"{service.url}/v1/entail", data={"text": asked.text}, files=files).raise_for_status()

    with httpx.Client(timeout=120, headers={"X-Deadline-Ms": "120000"}) as client:
        ask()
        cpu_s, asked_count = service.cpu_s(), 0
        row = bare(name, ask, seconds)
        return replace(row, cpu_ms=(service.cpu_s() - cpu_s) * 1000 / asked_count)


def _form(asked: Asked) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="text"\r\n\r\n{asked.text}\r\n--{_BOUNDARY}'
        '\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    )
    return head.encode() + asked.content + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk said something unexpected:\n{text}")
    return match.group(1)


def _ms(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(\w+)", text)
    if match is None:
        raise SystemExit(f"wrk said a time that is none: {text}")
    return float(match[1]) * _UNITS[match[2]]


def embedded_rows(seconds: float) -> list[Row]:
    """Alone, and with a crowd of clients, one by one and together."""
    asked = questions()
    with tempfile.TemporaryDirectory() as folder:
        model = load_model(EntailmentSettings(), ModelStore(ModelSettings(dir=Path(folder))), SessionCache())
        rows = [*network_rows(seconds), *bare_rows("embedded", model, asked[0], seconds)]
    for batch in (1, 16):
        how = "one by one" if batch == 1 else "together"
        with served({"STEADFAST_ENTAILMENT__MAX_BATCH": str(batch)}) as service:
            if batch > 1:
                rows.append(through_http(_ALONE, service, asked[:1], 1, seconds))
            for pictures, some in (("a picture each", asked), ("one picture", about_one(asked))):
                name = f"embedded: HTTP, {CROWD} clients, {pictures}, {how}"
                rows.append(through_http(name, service, some, CROWD, seconds))
    return rows


def ofa_rows(folder: Path, seconds: float) -> list[Row]:
    """One client: such a model is busy with one."""
    asked = questions()
    settings = EntailmentSettings(backend="ofa", model_dir=folder)
    with tempfile.TemporaryDirectory() as models:
        model = load_model(settings, ModelStore(ModelSettings(dir=Path(models))), SessionCache())
        rows = bare_rows("ofa", model, asked[0], seconds)
        del model
    given = {
        "STEADFAST_ENTAILMENT__BACKEND": "ofa",
        "STEADFAST_ENTAILMENT__MODEL_DIR": str(folder.absolute()),
        "STEADFAST_RUNTIME__LOAD_S": "300",
    }
    with served(given) as service:
        rows.append(one_by_one("ofa: HTTP, 1 client", service, asked[0], seconds))
    return rows


def show(rows: Sequence[Row]) -> None:
    """The table, and below it the figures that have a bar beside what is possible at all."""
    print(f"{'':<56}{'req/s':>9}{'p50 ms':>10}{'p99 ms':>10}{'CPU ms':>9}")
    for row in rows:
        print(f"{row.name:<56}{row.per_second:>9.1f}{row.p50_ms:>10.2f}{row.p99_ms:>10.2f}{row.cpu_ms:>9.2f}")
    named = {row.name: row for row in rows}
    overhead_ms = named[_ALONE].p50_ms - named["embedded: bare, from the file"].p50_ms
    print(f"\noverhead of the service at p50: {overhead_ms:.2f} ms (bar 1.5)")
    single, crowd = (named[f"embedded: bare ONNX Runtime, {count} in a run"] for count in (1, CROWD))
    print(f"the network by itself gains from batches: {single.p50_ms / crowd.p50_ms:.2f}")
    cores = os.cpu_count() or 1
    for pictures in ("a picture each", "one picture"):
        alone, together = (
            named[f"embedded: HTTP, {CROWD} clients, {pictures}, {how}"] for how in ("one by one", "together")
        )
        most = cores * 1000 / together.cpu_ms / alone.per_second
        print(
            f"gain by batches, {pictures}: {together.per_second / alone.per_second:.2f} (bar 2); "
            f"with all {cores} cores busy all the time it would be {most:.2f}"
        )


def main() -> None:
    """Measures, then prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ofa", type=Path)
    parser.add_argument("--torch-python", type=Path)
    parser.add_argument("--seconds", type=int, default=4)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; it is a package of most distributions")
    rows = embedded_rows(given.seconds)
    if given.ofa is not None:
        rows += ofa_rows(given.ofa, given.seconds)
    elif given.torch_python is not None:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "ofa"
            make_large(given.torch_python, made)
            rows += ofa_rows(made, given.seconds)
    show(rows)


def make_large(torch_python: Path, folder: Path) -> None:
    """A converted folder of the large layout with random weights, made by an interpreter that has torch."""
    ours = [path for path in sys.path if path.endswith("site-packages")]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT), *ours])
    command = [str(torch_python), "-W", "ignore", "-m", "benchmarks.ofa_random", "large", str(folder)]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, cwd=ROOT, check=True, timeout=1800)


if __name__ == "__main__":
    main()
