"""Part of `compose.production.yml` as real processes: nginx, two instances, PostgreSQL, Redis."""

import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template

import httpx
import psutil
import pytest
from tests.brokers import redis_server
from tests.certificates import own_certificate
from tests.databases import postgresql_server
from tests.ports import free_port
from tests.serving_house import FAULTY, ServingHouse, serving

ROOT = Path(__file__).resolve().parents[1]
NGINX = ROOT / "deploy" / "nginx"
KEY = "a key that only these tests know, 32+"
LIMITS = {
    "MAX_REQUEST_BYTES": "200000",
    "MAX_UPLOAD_BYTES": "400000",
    "RATE_PER_ADDRESS": "10000r/s",
    "BURST_PER_ADDRESS": "1000",
}
"""Small enough to be passed, and no rate, so that load can be made from one address."""


def nginx_program() -> str:
    """Its path; skips the test, visibly, where it is not installed, and fails it where CI promises it."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        why = "nginx is not installed (Debian: nginx-light)"
        if os.environ.get("NGINX_REQUIRED"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@dataclass(kw_only=True)
class FrontHouse:
    """nginx, what it stands before, and where all of it is."""

    folder: Path
    database: str
    redis: str
    limits: Mapping[str, str]
    port: int = field(default_factory=free_port)
    plain_port: int = field(default_factory=free_port)
    grafana_port: int = field(default_factory=free_port)
    instance_port: int = field(default_factory=free_port)
    instances: dict[str, ServingHouse] = field(default_factory=dict)
    """By the loopback address that each listens on: the name that the front knows it by."""
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def certificate(self) -> Path:
        """What clients trust."""
        return self.folder / "certificate.pem"

    def client(self, *, keep_alive: bool = True) -> httpx.Client:
        """One that knows the key; `keep_alive`: keeps its connection."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            verify=ssl.create_default_context(cafile=str(self.certificate)),
            headers={"Authorization": f"Bearer {KEY}"},
            limits=httpx.Limits(max_keepalive_connections=1 if keep_alive else 0),
            timeout=30.0,
            trust_env=False,
        )

    def start(self, address: str) -> None:
        """Has an instance there, with its own data folder and all else shared."""
        settings = FAULTY | {
            "STEADFAST_DATABASE__URL": self.database,
            "STEADFAST_BLOBS__URL": str(self.folder / "blobs"),
            "STEADFAST_CLUSTER__BROKER_URL": f"{self.redis}/0",
            "STEADFAST_CLUSTER__REDIS_URL": f"{self.redis}/1",
            "STEADFAST_CLUSTER__NAME": address,
            "STEADFAST_BOOTSTRAP_KEY_FILE": str(self.folder / "api_key"),
            "STEADFAST_SERVER__TRUSTED_PROXIES": "127.0.0.1",
            "STEADFAST_SERVER__MAX_REQUEST_BYTES": self.limits["MAX_REQUEST_BYTES"],
            "STEADFAST_UPLOADS__MAX_BYTES": self.limits["MAX_UPLOAD_BYTES"],
            "STEADFAST_RUNTIME__SPARES": "0",
            "STEADFAST_RUNTIME__WORKERS": "1",
        }
        where = ("--host", address, "--port", str(self.instance_port))
        running = serving(self.folder / address, settings, *where, ready=False)
        instance = self.stack.enter_context(running)
        instance.key = KEY
        self.instances[address] = instance

    def restart(self, address: str) -> int:
        """Stops it in order and has it again, ready; answers the exit status of the one that stopped."""
        process = self.instances[address].process
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
        self.start(address)
        self.instances[address].await_ready(spares=0)
        return status

    def kill(self, address: str) -> None:
        """The whole instance, at once, as when its machine goes."""
        process = self.instances[address].process
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            member.kill()
        process.wait(30)  # until then its sockets take what nobody will answer

    def write(self) -> None:
        """The project's files with other ports and folders, without what Debian's nginx is too old for."""
        lines = [
            f"server {name}:{self.instance_port} max_fails=2 fail_timeout=3s;\n" for name in self.instances
        ]
        (self.folder / "instances").mkdir()
        (self.folder / "instances" / "instances.conf").write_text("".join(lines))
        own = [NGINX.parent / "compose" / "front" / name for name in ("resolver.conf", "grafana.conf")]
        texts = [file.read_text() for file in (*own, NGINX / "steadfast.conf.template")]
        site = Template("".join(texts)).safe_substitute(self.limits)
        changes = {
            "/etc/nginx/instances/": f"{self.folder}/instances/",
            "/run/secrets/tls_certificate": str(self.certificate),
            "/run/secrets/tls_key": str(self.folder / "key.pem"),
            "listen 8443 ": f"listen 127.0.0.1:{self.port} ",
            "listen 8444 ": f"listen 127.0.0.1:{self.grafana_port} ",
            "listen 8080;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 8081;": f"listen unix:{self.folder}/status;",
        }
        (self.folder / "site.conf").write_text(_changed(site, changes))
        changes = {
            "/tmp/": f"{self.folder}/",
            "/etc/nginx/conf.d/*.conf": f"{self.folder}/site.conf",
            "/dev/stdout": f"{self.folder}/access.log",
            "keepalive_min_timeout 5s;": "",
            "worker_processes auto;": "worker_processes 2;\ndaemon off;",
        }
        (self.folder / "nginx.conf").write_text(_changed((NGINX / "nginx.conf").read_text(), changes))

    def nginx(self, *more: str) -> list[str]:
        """The command with these files."""
        return [nginx_program(), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *more]

    def answers(self) -> bool:
        """Whether somebody behind the front is ready."""
        try:
            with self.client() as client:
                return client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def front(limits: Mapping[str, str] = LIMITS) -> Iterator[FrontHouse]:
    """nginx before two instances, all of them ready."""
    nginx_program()
    folder = Path(tempfile.mkdtemp(prefix="front-", dir="/tmp"))  # short: the path of a socket begins with it
    folder.chmod(0o755)  # nginx' workers are another user, if this is root
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        socket = stack.enter_context(postgresql_server())
        redis = stack.enter_context(redis_server())
        database = f"postgresql://test@/postgres?host={socket}"
        house = FrontHouse(
            folder=folder,
            database=database,
            redis=f"redis://127.0.0.1:{redis.port}",
            limits=limits,
            stack=stack,
        )
        own_certificate(folder)
        (folder / "api_key").write_text(KEY)
        for address in ("127.0.0.2", "127.0.0.3"):
            house.start(address)
        for instance in house.instances.values():
            instance.await_ready(spares=0)
        house.write()
        stack.enter_context(_nginx(house))
        yield house


@contextmanager
def beside(house: FrontHouse, limits: Mapping[str, str]) -> Iterator[FrontHouse]:
    """One more nginx before the same instances, with other limits."""
    with tempfile.TemporaryDirectory(prefix="front-", dir="/tmp") as folder:
        other = replace(
            house,
            folder=Path(folder),
            limits=limits,
            port=free_port(),
            plain_port=free_port(),
            grafana_port=free_port(),
        )
        other.folder.chmod(0o755)
        for name in ("certificate.pem", "key.pem"):
            shutil.copy(house.folder / name, folder)
        other.write()
        with _nginx(other):
            yield other


@contextmanager
def _nginx(house: FrontHouse) -> Iterator[None]:
    told = subprocess.run(house.nginx("-t"), capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    with (house.folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(house.nginx(), stderr=log, start_new_session=True)
    try:
        until_s = time.monotonic() + 30
        while not house.answers():
            assert time.monotonic() < until_s, (house.folder / "nginx.log").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()  # at once; nobody is left to wait for
        process.wait(20)


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for ours, here in changes.items():
        assert ours in text, ours  # else this house would test something else than what is shipped
        text = text.replace(ours, here)
    return text
