"""The image, built once; and containers of it, each in its own state and swept up whatever happens."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from tests.image.workshop import ROOT, Container, Workshop, run_arguments, what_is_missing

TAG = "steadfast:check"
Start = Callable[..., Container]


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    """Only for `make image-check`: a build takes minutes, and packages from the index."""
    if not os.environ.get("IMAGE_CHECK"):
        pytest.skip("`make image-check` builds and runs the image")
    if missing := what_is_missing():
        if os.environ.get("IMAGE_REQUIRED"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = ROOT / "build" / "image-check"
    folder.mkdir(parents=True, exist_ok=True)
    return Workshop(folder=folder)


@pytest.fixture(scope="session")
def image(workshop: Workshop) -> str:
    """The CPU image of this checkout, without models; or one that is in the store already, by `IMAGE_TAG`."""
    if tag := os.environ.get("IMAGE_TAG"):
        return tag
    workshop.build(TAG, file="deploy/docker/Dockerfile", REVISION="check")
    return TAG


@pytest.fixture
def start(workshop: Workshop, image: str, tmp_path: Path) -> Iterator[Start]:
    """Starts containers."""
    with ExitStack() as stack:

        def started(
            *command: str,
            memory: str = "2g",
            variables: Mapping[str, str] | None = None,
            volumes: Sequence[str] = (),
            options: Sequence[str] = (),
        ) -> Container:
            container = Container(workshop=workshop, name=f"check-{uuid4().hex[:8]}", port=free_port())
            data = [] if any(":/data" in volume for volume in volumes) else [f"{container.name}:/data"]
            arguments = run_arguments(
                container.name,
                container.port,
                memory=memory,
                variables=variables or {},
                volumes=[*volumes, *data],
            )
            stack.enter_context(_swept_up(container))
            workshop.podman(*arguments, *options, f"localhost/{image}", *command)
            return container

        yield started


@contextmanager
def _swept_up(container: Container) -> Iterator[None]:
    try:
        yield
    finally:
        container.workshop.podman("rm", "--force", "--time", "5", container.name, check=False)
        container.workshop.podman("volume", "rm", "--force", container.name, check=False)


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
