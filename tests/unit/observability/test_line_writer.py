"""A reader of the log cannot stall the service."""

import io
import threading

from steadfast.observability.line_writer import LineWriter


class StalledStream(io.StringIO):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.go_on.wait(60)
        return super().write(text)


class GoneStream(io.StringIO):
    """Its reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def told(lost: int) -> str:
    return f"lost {lost}"


def test_lines_come_out_in_order() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream, told_of_loss=told)
    for number in range(2000):
        writer.write(str(number))
    writer.close()
    assert stream.getvalue().split() == [str(number) for number in range(2000)]


def test_what_a_stalled_reader_does_not_take_is_dropped_and_counted() -> None:
    stream = StalledStream()
    writer = LineWriter(stream, told_of_loss=told, most_lines=3)
    writer.write("first")
    assert stream.entered.wait(60)
    for number in range(8):
        writer.write(str(number))  # 3 wait, 5 are dropped; none of it blocks
    stream.go_on.set()
    writer.close()
    assert stream.getvalue().split("\n") == ["first", "0", "1", "2", "lost 5", ""]


def test_a_reader_that_is_gone_harms_nobody() -> None:
    writer = LineWriter(GoneStream(), told_of_loss=told)
    writer.write("a")
    writer.close()


def test_closing_twice_is_harmless() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream, told_of_loss=told)
    writer.write("a")
    writer.close()
    writer.close()
    assert stream.getvalue() == "a\n"
