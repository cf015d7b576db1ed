"""Pictures of a batch of questions: opened once each, several at a time, never too many pixels together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from steadfast.entailment.hygiene import CleanText, clean_sentence
from steadfast.entailment.model import Pixels, Question
from steadfast.errors import EmptyInput, SteadfastError
from steadfast.inference.threads import owned_cores
from steadfast.media.limits import MediaLimits
from steadfast.media.pictures import read_picture, read_size
from steadfast.task import Blob, Request
from steadfast.tasks.entail_messages import EntailRequest

TOGETHER_PX: Final = 32_000_000
"""Pixels of decoded pictures that one batch keeps at a time: about 100 MB. A larger picture is alone."""

Asked = Request[EntailRequest]


class QuestionReader:
    """Opens pictures with as many threads as the worker owns cores."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(owned_cores(), "read")

    def portions(self, requests: Sequence[Asked]) -> list[Sequence[Asked]]:
        """The requests in order, cut where more than `TOGETHER_PX` would be kept; hardly ever at all."""
        if len(requests) == 1:
            return [requests]
        portions: list[list[Asked]] = [[]]
        sizes_px: dict[bytes, int] = {}
        for request in requests:
            content = content_of(request)
            if content not in sizes_px:
                size_px = self._size_px(content)
                if portions[-1] and sum(sizes_px.values()) + size_px > TOGETHER_PX:
                    portions.append([])
                    sizes_px = {}
                sizes_px[content] = size_px
            portions[-1].append(request)
        return list(portions)

    def read(
        self, requests: Sequence[Asked], on_opened: Callable[[], None]
    ) -> list[Question | SteadfastError]:
        """A question of each, or why it is none; a picture that several ask about is opened once."""
        contents = [content_of(request) for request in requests]
        distinct = list(dict.fromkeys(contents))
        # Decoding lets go of Python's lock, and takes longer than a small model does.
        every = map if len(distinct) == 1 else self._threads.map
        opened: dict[bytes, Pixels | SteadfastError] = {}
        for content, pixels in zip(distinct, every(self._pixels, distinct), strict=True):
            opened[content] = pixels
            on_opened()
        return [
            _question(request, opened[content]) for request, content in zip(requests, contents, strict=True)
        ]

    def _pixels(self, content: bytes) -> Pixels | SteadfastError:
        try:
            if not content:
                raise EmptyInput("The picture is empty.")
            return read_picture(content, self._limits, name="The image").pixels
        except SteadfastError as error:
            return error

    def _size_px(self, content: bytes) -> int:
        """0 where it cannot be told: whoever opens it says what is wrong with it."""
        try:
            width_px, height_px = read_size(content, self._limits)
        except SteadfastError:
            return 0
        return width_px * height_px


def texts_of(fields: EntailRequest) -> tuple[CleanText, CleanText | None]:
    """Sentence and caption as models read them. Raises what `clean_sentence` raises."""
    caption = None if fields.caption is None else clean_sentence(fields.caption, name="caption")
    return clean_sentence(fields.text), caption


def content_of(request: Asked) -> bytes:
    """The bytes of its picture."""
    blob: Blob = request.blobs[0]
    return blob.read_bytes() if isinstance(blob, Path) else bytes(blob)


def _question(request: Asked, pixels: Pixels | SteadfastError) -> Question | SteadfastError:
    if isinstance(pixels, SteadfastError):
        return pixels
    try:
        text, caption = texts_of(request.fields)
    except SteadfastError as error:
        return error
    return Question(pixels=pixels, text=text, caption=caption)
