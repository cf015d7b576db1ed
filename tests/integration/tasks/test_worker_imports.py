"""What a worker imports before it can serve: a spare's load is time that somebody may be waiting for."""

import subprocess
import sys

DEAR = (
    "av",
    "asyncio",
    "pydantic_settings",
    "filelock",
    "steadfast.settings.service",
    "steadfast.tasks.video_swap",
)


def test_a_worker_of_faces_imports_neither_the_video_stack_nor_the_service_s_settings() -> None:
    code = f"import sys, steadfast.tasks.face_task; print([n for n in {DEAR} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
