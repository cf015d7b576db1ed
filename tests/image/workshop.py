"""Where an image is really built and run: Debian's buildah and podman, a base made here, no registry.

Everything lies in a folder of its own (`build/image-check`): images, layers and the base, so that nothing of
this machine's own images is touched, and a second run builds only what has changed.
"""

import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
BASE = "python:3.11-slim-bookworm"
"""What the Dockerfile builds on; here it is Debian with its own Python, under that name."""
TOOLS = ("buildah", "podman", "debootstrap")
SIGN = "sign-8d1f0c6e2b"
"""Stands in the settings of pip that the build is lent; no layer may have it."""
_RELEASE = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
_BULK = ("proc/*", "sys/*", "var/lib/apt/lists/*", "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*")
_CA_FILE = Path("/etc/ssl/certs/ca-certificates.crt")
_BUILD_S, _COMMAND_S = 3600, 300


def what_is_missing() -> str | None:
    """Why no image can be built and run here; None: it can."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} not installed"
    return None if os.getuid() == 0 else "building a base needs root"


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """buildah and podman on a store of their own."""

    folder: Path

    def podman(self, *arguments: str, check: bool = True, timeout_s: float = _COMMAND_S) -> str:
        """What it says, on either stream."""
        status, said = self.try_podman(*arguments, timeout_s=timeout_s)
        assert not check or status == 0, f"podman {' '.join(arguments[:2])}: {said}"
        return said

    def try_podman(self, *arguments: str, timeout_s: float = _COMMAND_S) -> tuple[int, str]:
        """Its status, and what it says."""
        done = subprocess.run(
            [*self._tool("podman"), "--cgroup-manager=cgroupfs", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def build(
        self, tag: str, *, file: str, lent: Sequence[str] = (), base: str = BASE, **arguments: str
    ) -> None:
        """Builds an image of the checkout; `arguments`: of the Dockerfile, `lent`: folders for the build."""
        self._make_base(base)
        pip_conf, volumes = self._index_settings()
        volumes += [part for folder in lent for part in ("--volume", f"{folder}:ro")]
        given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        done = subprocess.run(
            [
                *self._tool("buildah"), "bud", "--isolation", "chroot", "--pull-never", "--format", "docker",
                "--layers", "--network", "host", "--secret", f"id=pip,src={pip_conf}",
                *(["--secret", f"id=ca,src={_CA_FILE}"] if _CA_FILE.is_file() else []),
                *volumes, *given, "-f", file, "-t", f"localhost/{tag}", str(ROOT),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_BUILD_S, check=False,
        )  # fmt: skip
        (self.folder / f"{tag.replace(':', '-')}.log").write_text(done.stdout)
        assert done.returncode == 0, done.stdout[-4000:]

    def unpacked_bytes(self, tag: str) -> int:
        """What its files take on a disk, all layers together."""
        mounted = Path(self.podman("image", "mount", f"localhost/{tag}").strip())
        try:
            files = [path.lstat() for path in mounted.rglob("*")]
            return sum(seen.st_blocks * 512 for seen in {(f.st_dev, f.st_ino): f for f in files}.values())
        finally:
            self.podman("image", "unmount", f"localhost/{tag}")

    def files(self, tag: str) -> Iterator[tuple[str, Path]]:
        """Every file of an image: its path there, and where it can be read meanwhile."""
        mounted = Path(self.podman("image", "mount", f"localhost/{tag}").strip())
        try:
            for path in sorted(mounted.rglob("*")):
                yield f"/{path.relative_to(mounted)}", path
        finally:
            self.podman("image", "unmount", f"localhost/{tag}")

    def _tool(self, name: str) -> list[str]:
        store = ("--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"))
        return [name, *store, "--storage-driver", "overlay"]

    def _make_base(self, name: str) -> None:
        local = f"localhost/{name}"
        if local in self.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split():
            return
        archive = self.folder / "base.tar"
        if not archive.is_file():
            _bootstrap(self.folder / "base", archive)
        self.podman("import", str(archive), local)

    def _index_settings(self) -> tuple[Path, list[str]]:
        """pip's settings of this machine as the build can use them, and the folders that they name."""
        lines, volumes = [f"# {SIGN}", "[global]", "cert = /run/secrets/ca"], []
        said = subprocess.run(
            ["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        ).stdout
        for name in ("index-url", "extra-index-url", "find-links"):
            found = re.search(rf"global\.{name}='([^']*)'", said)
            places = found[1].split() if found else []
            for at, place in enumerate(places):
                folder = Path(urlsplit(place).path)
                if place.startswith(("/", "file://")) and folder.is_dir():
                    inside = f"/run/index/{name}-{at}"
                    # With the folder above it: pages of an index name files that lie beside them.
                    volumes += ["--volume", f"{folder.parent}:{inside}:ro"]
                    places[at] = f"file://{inside}/{folder.name}"
            if places:
                lines.append(f"{name} = {' '.join(places)}")
        file = self.folder / "pip.conf"
        file.write_text("\n".join([*lines, "timeout = 180"]) + "\n")
        return file, volumes


def _bootstrap(folder: Path, archive: Path) -> None:
    """A small Debian with Python, from the mirror that this machine's own packages come from."""
    shutil.rmtree(folder, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _RELEASE, str(folder), _mirror()]
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=_BUILD_S, check=True)
    left_out = [f"--exclude=./{name}" for name in _BULK]
    aside = archive.with_suffix(".part")
    subprocess.run(
        ["tar", "--one-file-system", "-C", str(folder), *left_out, "-cf", str(aside), "."], check=True
    )
    aside.replace(archive)
    shutil.rmtree(folder, ignore_errors=True)


def _mirror() -> str:
    """The first address that apt takes this release from."""
    sources = Path("/etc/apt")
    for file in [*sorted(sources.glob("sources.list.d/*.sources")), *sources.glob("*.list")]:
        text = file.read_text(encoding="utf-8")
        for stanza in text.split("\n\n"):
            uris = re.search(r"^URIs:\s*(\S+)", stanza, re.MULTILINE)
            if uris and re.search(rf"^Suites:.*\b{_RELEASE}\b(?!-)", stanza, re.MULTILINE):
                return uris[1]
        if old := re.search(rf"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+{_RELEASE}\s+main", text, re.MULTILINE):
            return old[1]
    raise LookupError(f"apt knows no source of {_RELEASE} on this machine")


@dataclass(kw_only=True)
class Container:
    """One that runs, as confined as an orchestrator would have it."""

    workshop: Workshop
    name: str
    port: int

    def execute(self, *command: str, user: str | None = None) -> tuple[int, str]:
        """The status and words of a command inside."""
        chosen = ["--user", user] if user else []
        return self.workshop.try_podman("exec", *chosen, self.name, *command)

    def logs(self) -> str:
        """All that it has written."""
        return self.workshop.podman("logs", self.name, check=False)

    def pid(self) -> int:
        """Of its first process, outside."""
        return int(self.workshop.podman("inspect", "--format", "{{.State.Pid}}", self.name))

    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self.workshop.podman("inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"

    def exit_code(self, within_s: float) -> int:
        """Waits for its end."""
        return int(self.workshop.podman("wait", self.name, timeout_s=within_s).strip().splitlines()[-1])

    def until_healthy(self, within_s: float = 180.0) -> None:
        """Until the image's own check says so."""
        until_s = time.monotonic() + within_s
        while self.execute(*HEALTHCHECK)[0] != 0:
            assert self.is_running(), self.logs()
            assert time.monotonic() < until_s, self.logs()
            time.sleep(0.5)


HEALTHCHECK: Sequence[str] = ("/opt/steadfast/bin/python", "-I", "-m", "steadfast.healthcheck")


def at_most(which: int, wanted: int) -> str:
    """A limit for a container, not above this machine's own."""
    _, hard = resource.getrlimit(which)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return f"{limit}:{limit}"


def run_arguments(
    name: str, port: int, *, memory: str, variables: Mapping[str, str], volumes: Sequence[str]
) -> list[str]:
    """How an orchestrator that trusts nothing starts it."""
    given = {"STEADFAST_SERVER__PORT": str(port)} | dict(variables)
    return [
        "run", "--detach", "--name", name, "--read-only", "--read-only-tmpfs=false", "--cap-drop=all",
        "--security-opt=no-new-privileges", "--tmpfs", "/tmp:rw,size=256m", "--network=host",
        "--no-healthcheck", "-m", memory, "--memory-swap", memory,
        # Raising limits takes a right that a confined machine keeps to itself; lowering them does not.
        "--ulimit", f"nofile={at_most(resource.RLIMIT_NOFILE, 16_384)}",
        "--ulimit", f"nproc={at_most(resource.RLIMIT_NPROC, 4096)}",
        *(part for pair in given.items() for part in ("--env", "=".join(pair))),
        *(part for volume in volumes for part in ("--volume", volume)),
    ]  # fmt: skip
