"""The progress bar of a video: frames, frames per second, time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Task, TextColumn
from rich.text import Text

from steadfast.cli.output import Output

if TYPE_CHECKING:
    from steadfast.tasks.video_report import Progress as VideoProgress


class _FramesColumn(TextColumn):
    """`120/600 frames`, or `120 frames` where nobody knows how many there are."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        of = f"/{task.total:.0f}" if task.total else ""
        return Text(f"{task.completed:.0f}{of} frames")


@contextmanager
def video_progress(output: Output) -> "Iterator[Callable[[VideoProgress], None]]":
    """Shows what it is told on the terminal's error stream while the block runs; silent for a picture."""
    columns = (BarColumn(), _FramesColumn(), TextColumn("{task.fields[pace]}", style="dim"))
    with output.progress(*columns) as bar:
        task = bar.add_task("frames", total=None, pace="", visible=False)

        def tell(progress: "VideoProgress") -> None:
            bar.update(
                task,
                completed=progress.frames_done,
                total=progress.frames_expected,
                pace=pace(progress),
                visible=True,
            )

        yield tell


def pace(progress: "VideoProgress") -> str:
    """How fast it goes and how long it will take, in a few words."""
    left = progress.time_left_s
    rest = "" if left is None else f" · {clock(left)} left"
    return f"{progress.fps:.0f} frames/s{rest}"


def clock(seconds: float) -> str:
    """`1:05`, or `1:02:05` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
