"""A release is built from a base with a digest and from a commit, or not at all."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.deploy_tools import ROOT

DIGEST = "sha256:" + "5e" * 32


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What an image is built of, as a repository of its own, and a `docker` that says what it was asked."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "deploy" / "docker", folder / "deploy" / "docker")
    (folder / "deploy" / "docker" / "bases").unlink(missing_ok=True)
    for name in ("pyproject.toml", "src/steadfast/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (tmp_path / "docker").write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n[ "$1" != buildx ] || echo "${{DIGEST?}}"\n'
    )
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "asked").touch()
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "as it is")


def release(
    checkout: Path, *arguments: str, digest: str = DIGEST
) -> tuple["subprocess.CompletedProcess[str]", str]:
    """What it says, and what docker was asked."""
    environment = {"PATH": f"{checkout.parent}:{os.environ['PATH']}", "DIGEST": digest}
    done = subprocess.run(
        [str(checkout / "deploy" / "docker" / "release"), *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, (checkout.parent / "asked").read_text()


def test_a_base_without_a_digest_is_refused_with_what_to_do(checkout: Path) -> None:
    for options in ((), ("--gpu",), ("--tensorrt",)):
        done, asked = release(checkout, *options, "steadfast:1")
        assert (done.returncode, asked) == (1, "")
        assert "is not pinned" in done.stderr
        assert "release --pin" in done.stderr


def test_a_pinned_base_is_what_it_is_built_from_and_the_labels_are_of_the_commit(checkout: Path) -> None:
    assert release(checkout, "--pin")[0].returncode == 0
    commit(checkout)
    done, asked = release(checkout, "registry.example.com/steadfast:1")
    assert done.returncode == 0, done.stderr
    built = asked.splitlines()[-1]
    assert f"BASE=python:3.11-slim-bookworm@{DIGEST} " in built
    assert re.search(r"REVISION=[0-9a-f]{40} ", built)
    assert re.search(r"VERSION=\d+\.\d+\.\d+ ", built)
    assert re.search(r"SOURCE_DATE_EPOCH=\d{9,} \.$", built)
    built = release(checkout, "--tensorrt", "steadfast:1-tensorrt")[1].splitlines()[-1]
    assert "--file deploy/docker/Dockerfile.gpu" in built
    assert f"-ubuntu24.04@{DIGEST} " in built
    assert "VARIANT=tensorrt" in built


def test_an_answer_that_is_no_digest_leaves_what_was_pinned(checkout: Path) -> None:
    release(checkout, "--pin")
    before = (checkout / "deploy/docker/bases").read_text()
    done, _ = release(checkout, "--pin", digest="toomanyrequests")
    assert done.returncode == 1
    assert (checkout / "deploy/docker/bases").read_text() == before
    assert not (checkout / "deploy/docker/bases.new").exists()


def test_changes_that_no_commit_has_are_refused(checkout: Path) -> None:
    release(checkout, "--pin")
    commit(checkout)
    (checkout / "src/steadfast/__init__.py").write_text('__version__ = "9.9.9"\n')
    done, asked = release(checkout, "steadfast:1")
    assert done.returncode == 1
    assert "not committed" in done.stderr
    assert "build --file" not in asked
