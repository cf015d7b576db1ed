"""Multipart forms, read as they come: files are held like any body, fields are short texts."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from steadfast.api.exchange import Exchange
from steadfast.api.intake import Held, Intake
from steadfast.entailment.hygiene import too_many_characters
from steadfast.errors import MalformedRequest, WrongContentType

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MAX_FIELD_BYTES = 64 * 1024
_MAX_SENTENCE_BYTES = 96 * 1024
"""More than the longest sentence that is read has in UTF-8; of what follows the characters are counted."""
_MIDDLE_BYTES = bytes(range(0x80, 0xC0))
"""Of a character in UTF-8, all but the first."""
_MAX_HEADER_BYTES = 8 * 1024


@dataclass(kw_only=True, slots=True)
class Part:
    """One part of a form."""

    name: str = ""
    filename: str | None = None
    held: Held | None = None
    """Of a file."""
    text: bytearray = field(default_factory=bytearray)
    """Of a field."""
    chars_left_out: int = 0
    """Of a sentence that is too long to be kept."""


@dataclass(kw_only=True, slots=True)
class Form:
    """A form that has come in."""

    files: list[tuple[str, Held]] = field(default_factory=list)
    """By name, in the order in which they came; a name may come several times."""
    fields: dict[str, str] = field(default_factory=dict)

    def named(self, name: str) -> list[Held]:
        """The files of that name."""
        return [held for key, held in self.files if key == name]


async def read_form(
    exchange: Exchange,
    intake: Intake,
    *,
    file_names: frozenset[str],
    max_parts: int,
    sentence_names: frozenset[str] = frozenset(),
) -> Form:
    """The form in the body; parts named in `file_names` are files whatever they say of themselves.

    Parts named in `sentence_names` are what somebody wrote: bytes in them that are no UTF-8 become lone
    surrogates, for who cleans sentences to judge, and too long ones raise `TextTooLong`. Raises
    `MalformedRequest`, and what `Intake.next` raises.
    """
    reader = _Reader(intake, file_names, max_parts, sentence_names)
    parser = MultipartParser(_boundary(exchange), reader.callbacks())
    try:
        while (piece := await intake.next()) is not None:
            reader.piece = memoryview(piece)
            parser.write(piece)
            await reader.keep()
        parser.finalize()
    except FormParserError as error:
        raise MalformedRequest(f"The form cannot be read: {error}.") from error
    if not reader.complete:
        raise MalformedRequest("The form breaks off before its end.")
    return await reader.form()


class _Reader:
    """The parser's listener. It is called within `write`, so it only notes what is to be kept."""

    def __init__(
        self, intake: Intake, file_names: frozenset[str], max_parts: int, sentence_names: frozenset[str]
    ) -> None:
        self._intake = intake
        self._file_names = file_names
        self._sentence_names = sentence_names
        self._max_parts = max_parts
        self._parts: list[Part] = []
        self._to_keep: list[tuple[Held, memoryview]] = []
        self._header_name = bytearray()
        self._header_value = bytearray()
        self.piece = memoryview(b"")
        self.complete = False

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._header_field,
            "on_header_value": self._header_text,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._content,
            "on_end": self._end,
        }

    async def keep(self) -> None:
        """Stores what the last piece brought."""
        for held, view in self._to_keep:
            await self._intake.keep(held, view)
        self._to_keep.clear()

    async def form(self) -> Form:
        form = Form()
        for part in self._parts:
            if part.held is not None:
                await part.held.flush()
                form.files.append((part.name, part.held))
            elif part.name in form.fields:
                raise MalformedRequest(f"The field {part.name!r} comes twice.")
            else:
                form.fields[part.name] = _text(part, is_sentence=part.name in self._sentence_names)
        return form

    def _begin_part(self) -> None:
        if len(self._parts) >= self._max_parts:
            raise MalformedRequest(f"The form has more than {self._max_parts} parts.")
        self._parts.append(Part())

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._check_header()

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > _MAX_HEADER_BYTES:
            raise MalformedRequest("A header of a part is too long.")

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._header_value))
            part = self._parts[-1]
            part.name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                part.filename = options[b"filename"].decode("utf-8", "replace")
        self._header_name.clear()
        self._header_value.clear()

    def _begin_content(self) -> None:
        part = self._parts[-1]
        if not part.name:
            raise MalformedRequest("A part of the form has no name.")
        if part.name in self._file_names:
            part.held = self._intake.hold()
            part.held.filename = part.filename or ""
        elif part.filename is not None:
            known = ", ".join(sorted(self._file_names))
            raise MalformedRequest(f"There is no file {part.name!r} in this form; the files are: {known}.")

    def _content(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1]
        if part.held is not None:
            self._to_keep.append((part.held, self._view(data, start, end)))
            return
        if part.name in self._sentence_names and len(part.text) > _MAX_SENTENCE_BYTES:
            part.chars_left_out += _characters_of(data[start:end])
            return
        part.text += data[start:end]
        if part.name not in self._sentence_names and len(part.text) > _MAX_FIELD_BYTES:
            raise MalformedRequest(f"The field {part.name!r} is too long.")

    def _view(self, data: bytes, start: int, end: int) -> memoryview:
        # What the parser hands over is the piece itself, except a few bytes that looked like a boundary.
        if data is self.piece.obj:
            return self.piece[start:end]
        return memoryview(bytes(data[start:end]))

    def _end(self) -> None:
        self.complete = True


def _characters_of(text: bytes) -> int:
    return len(text.translate(None, _MIDDLE_BYTES))


def _text(part: Part, *, is_sentence: bool) -> str:
    if part.chars_left_out:
        raise too_many_characters(part.name, _characters_of(bytes(part.text)) + part.chars_left_out)
    if is_sentence:
        return part.text.decode("utf-8", "surrogateescape")
    try:
        return part.text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The field {part.name!r} is not UTF-8.") from error


def _boundary(exchange: Exchange) -> bytes:
    kind, options = parse_options_header(exchange.headers.get(b"content-type", b""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        said = kind.decode("latin-1")[:60] or "nothing"
        raise WrongContentType(f"The body must be multipart/form-data; its Content-Type says {said}.")
    if not boundary:
        raise MalformedRequest("The Content-Type of the form names no boundary.")
    return boundary
