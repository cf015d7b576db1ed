"""The image as an orchestrator that trusts nothing runs it: confined, killed, starved, misconfigured."""

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.faulty_faces import act
from tests.image.conftest import Start
from tests.image.workshop import BASE, HEALTHCHECK, ROOT, SIGN, Container, Workshop

from steadfast.runtime.cgroup import memory_folders

LARGEST_BYTES = 1_200_000_000
DEMO = ROOT / "docs" / "images" / "demo.jpg"
KEY = "sf_check_" + "k" * 40


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """An API key as a secret of an orchestrator: a file that is mounted."""
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    return file


@pytest.fixture
def with_key(key_file: Path) -> dict[str, object]:
    return {
        "variables": {"STEADFAST_BOOTSTRAP_KEY_FILE": "/run/secrets/key"},
        "volumes": [f"{key_file}:/run/secrets/key:ro"],
    }


def client(container: Container) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{container.port}",
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=60.0,
        trust_env=False,
    )


def swapped(asking: httpx.Client) -> httpx.Response:
    picture = DEMO.read_bytes()
    return asking.post("/v1/swap", files=[("source", picture), ("target", picture)])


def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.1)


# --- what is in it --------------------------------------------------------------------------------------


def test_it_is_small_has_no_compiler_and_nobody_can_log_in(workshop: Workshop, image: str) -> None:
    size_bytes = workshop.unpacked_bytes(image)
    print(f"unpacked: {size_bytes / 1e6:.0f} MB")  # noqa: T201 — what `make image-check` is read for
    assert size_bytes <= LARGEST_BYTES
    compilers = re.compile(r"/s?bin/(?:gcc|cc|g\+\+|ld|make|rustc|pip\d?)$")
    names = [name for name, _ in workshop.files(image)]
    assert [name for name in names if compilers.search(name) and "/usr/local/" not in name] == []
    assert "/opt/steadfast/share/sbom/steadfast.cdx.json" in names


def test_no_secret_of_the_build_is_in_any_layer_nor_in_its_history(workshop: Workshop, image: str) -> None:
    said = workshop.podman("history", "--no-trunc", f"localhost/{image}")
    said += workshop.podman("inspect", f"localhost/{image}")
    archive = workshop.folder / "image.tar"
    archive.unlink(missing_ok=True)
    workshop.podman("save", "--format", "docker-archive", "-o", str(archive), f"localhost/{image}")
    content = archive.read_bytes()  # layers lie in it uncompressed
    assert b"steadfast/healthcheck.py" in content
    for secret in (SIGN, "/run/index", "BEGIN PRIVATE KEY"):
        assert secret not in said
    assert SIGN.encode() not in content
    archive.unlink()


def test_its_labels_user_signal_and_check_are_those_of_the_field(workshop: Workshop, image: str) -> None:
    (seen,) = json.loads(workshop.podman("inspect", f"localhost/{image}"))
    config = seen["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert config["Entrypoint"] == ["/opt/steadfast/bin/steadfast"]
    assert config["Labels"]["org.opencontainers.image.revision"]
    assert config["Labels"]["org.opencontainers.image.base.name"] == BASE
    check = seen.get("Healthcheck") or config["Healthcheck"]
    assert check["Test"] == ["CMD", *HEALTHCHECK]
    assert check["StartPeriod"] > 0
    assert "PYTHONDONTWRITEBYTECODE=1" in config["Env"]
    secrets = re.compile(r"(?i)(key|token|password|secret)[A-Z_]*=.")
    assert [pair for pair in config["Env"] if secrets.search(pair) and not pair.startswith("GPG_KEY")] == []


def test_its_list_of_parts_names_what_is_installed(workshop: Workshop, image: str) -> None:
    for name, path in workshop.files(image):
        if name.endswith("steadfast.cdx.json"):
            parts = {part["name"].lower() for part in json.loads(path.read_text())["components"]}
    assert {"steadfast", "numpy", "onnxruntime", "av"} <= parts


# --- how it runs ----------------------------------------------------------------------------------------


def test_it_swaps_a_face_as_user_10001_on_a_root_that_refuses_writes_and_stops_in_order(
    start: Start, with_key: dict[str, object]
) -> None:
    began_s = time.monotonic()
    container = start(**with_key)
    container.until_healthy()
    print(f"healthy after {time.monotonic() - began_s:.1f} s")  # noqa: T201
    with client(container) as asking:
        answer = swapped(asking)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("image/")
        assert answer.content != DEMO.read_bytes()
    for process in (container.pid(), *children_of(container.pid())):
        status = Path(f"/proc/{process}/status").read_text()
        assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert b"steadfast: guardian" in Path(f"/proc/{container.pid()}/cmdline").read_bytes()
    for place in ("/opt/steadfast/x", "/etc/x", "/usr/x"):
        status_code, said = container.execute(
            "/opt/steadfast/bin/python", "-c", f"open({place!r}, 'w')", user="0"
        )
        assert status_code != 0
        assert "Read-only file system" in said
    for place in ("/data/x", "/tmp/x"):
        assert container.execute("/opt/steadfast/bin/python", "-c", f"open({place!r}, 'w')")[0] == 0
    began_s = time.monotonic()
    container.workshop.podman("kill", "--signal", "TERM", container.name)
    assert container.exit_code(within_s=40) == 0
    print(f"stopped after {time.monotonic() - began_s:.1f} s")  # noqa: T201


def test_no_secret_is_in_what_can_be_dumped(start: Start, with_key: dict[str, object]) -> None:
    container = start(**with_key)
    container.until_healthy()
    assert KEY not in container.workshop.podman("inspect", container.name)
    assert KEY not in container.logs()
    for process in (container.pid(), *children_of(container.pid())):
        assert KEY.encode() not in Path(f"/proc/{process}/environ").read_bytes()
    assert KEY not in container.execute("/opt/steadfast/bin/steadfast", "settings", "--json")[1]


def test_the_first_process_collects_the_dead_that_nobody_else_does(
    start: Start, with_key: dict[str, object]
) -> None:
    container = start(**with_key)
    container.until_healthy()
    orphan = "import os\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: os._exit(0)\n os._exit(0)"
    for _ in range(3):
        container.execute("/opt/steadfast/bin/python", "-c", orphan)
    until(lambda: not any(is_zombie(process) for process in children_of(container.pid())))
    assert container.is_running()


def test_a_memory_limit_that_is_hit_inside_a_worker_is_survived(
    start: Start, with_key: dict[str, object]
) -> None:
    tests = f"{ROOT / 'tests'}:/check/tests:ro"
    hungry = {
        "STEADFAST_RUNTIME__FACE_TASK": "tests.faulty_faces:FaultyFaces",
        "STEADFAST_RUNTIME__PYTHON_PATH": "/check",
        # Our own watchdog would be there first: this is about the kernel.
        "STEADFAST_RUNTIME__HARD_MEMORY_BYTES": str(64 << 30),
        "STEADFAST_RUNTIME__SOFT_MEMORY_BYTES": str(64 << 30),
    }
    given = {**with_key["variables"], **hungry}  # type: ignore[dict-item]
    container = start(memory="1g", variables=given, volumes=[*with_key["volumes"], tests])  # type: ignore[misc]
    container.until_healthy()
    first, server = container.pid(), server_of(container.pid())
    with client(container) as asking:

        def ask(do: str, **more: object) -> httpx.Response:
            return asking.post("/v1/swap", files=[("source", b"x"), ("target", act(do, **more))])

        before = ask("echo")
        assert before.status_code == 200, before.text
        hit = ask("hoard", mib=4096)
        print(f"hoarding 4 GiB of 1: {hit.status_code} {hit.text[:200]}")  # noqa: T201
        until(lambda: ask("echo").status_code == 200)
    assert (container.pid(), server_of(first)) == (first, server)
    assert kernel_kills(first) > 0
    assert hit.json()["level"] == "smaller_side"  # it stepped down and came back with less


def test_a_corrupt_settings_file_ends_the_start_with_78_and_a_sentence(start: Start, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server\nport = ")
    container = start(volumes=[f"{tmp_path}/config.toml:/etc/steadfast/config.toml:ro"])
    assert container.exit_code(within_s=60) == 78
    assert "/etc/steadfast/config.toml is not valid TOML" in container.logs()


def test_what_cannot_work_ends_the_start_with_78_and_an_emergency_starts_it_all_the_same(
    start: Start,
) -> None:
    asks_for_gpus = {"STEADFAST_RUNTIME__DEVICES": "cuda:0"}
    container = start(variables=asks_for_gpus)
    assert container.exit_code(within_s=60) == 78
    assert "no NVIDIA driver answers here" in container.logs()
    container = start(variables=asks_for_gpus | {"SKIP_PREFLIGHT": "1"})
    until(lambda: "SKIP_PREFLIGHT is set" in container.logs())
    assert container.is_running()


def test_data_that_belongs_to_somebody_else_is_told_with_the_user_it_should_belong_to(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    container = start(volumes=[f"{tmp_path / 'data'}:/data"])
    assert container.exit_code(within_s=60) == 78
    assert re.search(r"user\s+10001", container.logs())


def test_the_quota_and_the_limit_of_the_container_size_what_runs(
    start: Start, with_key: dict[str, object]
) -> None:
    container = start(memory="1g", options=["--cpus", "1"], **with_key)
    container.until_healthy()
    with client(container) as asking:
        faces = asking.get("/health").json()["tasks"]["face_swap"]
    assert (faces["workers_wanted"], faces["spares_ready"]) == (1, 0)


def test_models_that_a_folder_brings_are_used_without_a_network(
    start: Start, with_key: dict[str, object], shared_models: Path
) -> None:
    volumes = [*with_key["volumes"], f"{shared_models}:/opt/models:ro"]  # type: ignore[misc]
    container = start(variables=with_key["variables"], volumes=volumes)
    container.until_healthy()
    with client(container) as asking:
        assert swapped(asking).headers["x-steadfast-engine"] == "standard"


def test_models_of_a_build_argument_are_part_of_the_image(workshop: Workshop, shared_models: Path) -> None:
    if os.environ.get("IMAGE_TAG"):
        pytest.skip("an image that is there already is not built")
    warm = {"WARM_MODELS": "standard", "MODELS_MIRROR": "file:///run/models", "REVISION": "check"}
    workshop.build(
        "steadfast:warm", file="deploy/docker/Dockerfile", lent=[f"{shared_models}:/run/models"], **warm
    )
    names = {name for name, _ in workshop.files("steadfast:warm") if name.startswith("/opt/models/")}
    assert {"/opt/models/face_landmark.onnx", "/opt/models/mobilefacenet.onnx"} <= names


def children_of(process: int) -> list[int]:
    """Its children, and theirs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _parent(int(entry.name)) == process:
            found += [int(entry.name), *children_of(int(entry.name))]
    return found


def server_of(guardian: int) -> int:
    """The server below this guardian."""
    own = [process for process in children_of(guardian) if _parent(process) == guardian]
    titles = {process: Path(f"/proc/{process}/cmdline").read_bytes() for process in own}
    return next(process for process, title in titles.items() if b"steadfast: server" in title)


def kernel_kills(process: int) -> int:
    """How many processes the kernel has killed in the memory cgroup of this one."""
    for folder in memory_folders(process):
        for name in ("memory.events", "memory.oom_control"):
            if (folder / name).is_file():
                return int(re.findall(r"^oom_kill (\d+)$", (folder / name).read_text(), re.MULTILINE)[0])
    raise AssertionError("it is in no memory cgroup")


def is_zombie(process: int) -> bool:
    return _state(process)[:1] == ["Z"]


def _parent(process: int) -> int:
    state = _state(process)
    return int(state[1]) if len(state) > 1 else 0


def _state(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return []
