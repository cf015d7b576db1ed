"""Brokers for tests: a RabbitMQ and a Redis of one's own, on free ports and in temporary folders."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from tests.ports import free_port

REQUIRED = "BROKERS_REQUIRED"
"""Set where a missing broker must fail the tests rather than skip them: in CI."""
_STARTED_WITHIN_S = 180.0
_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
_NOBODY = "nobody"


@dataclass(kw_only=True)
class Broker:
    """A broker's process; it may be stopped, started again with what it kept, and wiped."""

    kind: str
    url: str
    port: int
    command: list[str]
    environment: dict[str, str]
    folder: Path
    host: str = "127.0.0.1"
    process: "subprocess.Popen[bytes] | None" = field(default=None)
    queues: list[str] = field(default_factory=list)
    """Which to purge, where the broker cannot forget all of them at once."""

    def start(self) -> None:
        """Returns once it listens."""
        user = _NOBODY if os.geteuid() == 0 else None
        groups: list[int] | None = [] if user is not None else None
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user,
                extra_groups=groups,
                start_new_session=True,
            )
        until_s = time.monotonic() + _STARTED_WITHIN_S
        while not self._listens():
            said = (self.folder / "output").read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, said
            assert time.monotonic() < until_s, said
            time.sleep(0.05)

    def stop(self) -> None:
        """Kills it and all below it, as a machine's end does."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.process.pid).children(recursive=True)
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.send_signal(signal.SIGKILL)
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def wipe(self) -> None:
        """Forgets every message: `FLUSHALL`, or a purge of every queue."""
        if self.kind == "redis":
            import redis

            with redis.Redis.from_url(self.url) as client:
                client.flushall()
            return
        import amqp

        host = f"{self.host}:{self.port}"
        with amqp.Connection(host, userid="guest", password="guest", virtual_host="/") as connection:
            for name in self.queues:
                channel = connection.channel()
                with suppress(amqp.exceptions.NotFound):
                    channel.queue_purge(name)

    def rabbitmqctl(self, *arguments: str) -> str:
        """What RabbitMQ's own tool says."""
        done = subprocess.run(
            [str(_RABBITMQ / "rabbitmqctl"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            user=_NOBODY if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            cwd=self.folder,
            check=True,
        )
        return done.stdout

    def _listens(self) -> bool:
        if self.kind != "redis":
            return self._speaks_amqp()
        try:
            with socket.create_connection((self.host, self.port), timeout=0.5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def _speaks_amqp(self) -> bool:
        """Its port is open long before it answers."""
        import amqp

        options = {"userid": "guest", "password": "guest", "virtual_host": "/"}
        try:
            with amqp.Connection(
                f"{self.host}:{self.port}", connect_timeout=2, read_timeout=2, **options
            ) as connection:
                connection.channel().queue_declare(queue="", exclusive=True)
        except (OSError, amqp.exceptions.AMQPError):
            return False
        return True


@contextmanager
def redis_server(host: str = "127.0.0.1") -> Iterator[Broker]:
    """A Redis (or Valkey)."""
    program = shutil.which("redis-server") or shutil.which("valkey-server") or _missing("redis-server")
    port = free_port()
    with _folder("redis-") as folder:
        command = [program, "--port", str(port), "--bind", host, "--dir", str(folder), "--save", ""]
        command += ["--appendonly", "yes", "--protected-mode", "no"]
        url = f"redis://{host}:{port}/0"
        broker = Broker(
            kind="redis",
            url=url,
            port=port,
            host=host,
            command=command,
            environment=dict(os.environ),
            folder=folder,
        )
        yield from _running(broker)


@contextmanager
def rabbitmq_server(host: str = "127.0.0.1") -> Iterator[Broker]:
    """A RabbitMQ."""
    program = _RABBITMQ / "rabbitmq-server"
    if not program.exists():
        _missing("rabbitmq-server")
    port, distribution, epmd = free_port(), free_port(), free_port()
    with _folder("rabbitmq-") as folder:
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {host}:{port}\nloopback_users = none\nlog.console.level = warning\n"
            "vm_memory_high_watermark.absolute = 1GiB\ndisk_free_limit.absolute = 1MB\n",
            encoding="ascii",
        )
        (folder / "plugins").write_text("[].\n", encoding="ascii")
        cookie = folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16), encoding="ascii")
        cookie.chmod(0o400)
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, _NOBODY)
        own = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        environment = own | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(epmd),
            "RABBITMQ_NODENAME": f"t{port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        broker = Broker(
            kind="rabbitmq",
            url=f"amqp://guest:guest@{host}:{port}//",
            port=port,
            host=host,
            command=[str(program)],
            environment=environment,
            folder=folder,
        )
        yield from _running(broker)
        _end_epmd(epmd)


def _running(broker: Broker) -> Iterator[Broker]:
    try:
        broker.start()  # whatever came up goes, even where it was too late
        yield broker
    finally:
        if broker.process is not None:
            broker.stop()


def _end_epmd(port: int) -> None:
    """Erlang's name server, which RabbitMQ starts and leaves behind: the one on our port alone."""
    for process in psutil.process_iter(["name", "environ"]):
        environ = process.info["environ"] or {}
        if process.info["name"] == "epmd" and environ.get("ERL_EPMD_PORT") == str(port):
            with suppress(psutil.NoSuchProcess):
                process.kill()


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    # Not pytest's folder: the brokers are another user's where the tests are root's.
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, _NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _missing(program: str) -> str:
    if os.environ.get(REQUIRED):
        pytest.fail(f"{program} is not installed, and {REQUIRED} is set")
    pytest.skip(f"{program} is not installed here")
