"""What a question about a picture says beside the picture, from a form or a JSON document."""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from steadfast.admission.arrival import Priority
from steadfast.entailment.hygiene import clean_sentence
from steadfast.errors import InvalidOption, MalformedRequest, TextUnreadable
from steadfast.readings import is_drawn
from steadfast.tasks.entail_messages import EntailRequest

_DATA_URL = "data:"


class EntailOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a question."""

    text: str
    caption: str | None = None
    deadline_s: float | None = None
    priority: Priority | None = None


class EntailDocument(EntailOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same with its picture."""

    image: str
    """Base64, with or without `data:image/…;base64,` before it."""


_KNOWN = ", ".join(field.name for field in msgspec.structs.fields(EntailOptions))
_DOCUMENT = msgspec.json.Decoder(EntailDocument)


def options_of_form(fields: Mapping[str, str]) -> EntailOptions:
    """From the fields of a form. Raises `InvalidOption`."""
    try:
        return msgspec.convert(dict(fields), EntailOptions, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidOption(
            f"An option cannot be used: {error}.", remedy=f"The options are: {_KNOWN}."
        ) from error


def document_of(body: bytes) -> tuple[EntailOptions, bytes]:
    """From a JSON document: the options and the bytes of the picture.

    Raises `InvalidOption`, `TextUnreadable` where a string is no Unicode, `MalformedRequest`.
    """
    try:
        document = _DOCUMENT.decode(body)
    except msgspec.ValidationError as error:
        remedy = f"The fields are: image, {_KNOWN}."
        raise InvalidOption(f"The document cannot be used: {error}.", remedy=remedy) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if "surrogate" in str(error) or "utf-8" in str(error).lower():
            raise TextUnreadable("The document holds half a character (a lone surrogate).") from error
        raise MalformedRequest(f"The body is no JSON document: {error}.") from error
    return document, _picture_in(document.image)


def _picture_in(text: str) -> bytes:
    encoded = text.partition(",")[2] if text.startswith(_DATA_URL) else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedRequest("The field image is not base64.") from error


def request_of(options: EntailOptions, *, image_bytes: int = 0, sampled: float = 0.0) -> EntailRequest:
    """The question as a worker is asked it. Raises what `clean_sentence` raises, before anybody waits.

    `sampled`: part of the answers that is measured: by lot, the same lot whenever the question comes again.
    """
    clean_sentence(options.text)
    if options.caption is not None:
        clean_sentence(options.caption, name="caption")
    lot = f"{image_bytes} {options.text}"
    return EntailRequest(text=options.text, caption=options.caption, sample=is_drawn(lot, sampled))
