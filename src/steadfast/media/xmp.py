"""XMP packets: read with suspicion, merged without losing what others wrote, and put into files.

Source: ISO 16684-1 (the data model) and Adobe's XMP Specification Part 3 (where formats keep the packet).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from xml.dom import minidom
from xml.parsers.expat import ExpatError, ParserCreate

Property = tuple[str, str]
"""Namespace URI and local name."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
STEADFAST = "urn:steadfast:provenance:1.0/"

_PREFIXES = {RDF: "rdf", XMP: "xmp", IPTC_EXT: "Iptc4xmpExt", STEADFAST: "steadfast"}
_XMLNS = "http://www.w3.org/2000/xmlns/"
_MAX_PACKET_BYTES = 1 << 19
_MAX_DEPTH = 100
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = '\n<?xpacket end="w"?>'
_GIF_XMP_HEAD = b"\x21\xff\x0bXMP DataXMP"
_GIF_XMP_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"/></x:xmpmeta>'

# What no longer holds once the pixels were turned upright and changed: thumbnails that show the old face, the
# orientation, and pointers to gain maps, depth maps and further packets that the output does not carry.
_STALE = frozenset({("http://ns.adobe.com/tiff/1.0/", "Orientation"), (XMP, "Thumbnails")})
_STALE_NAMESPACES = (
    "http://ns.google.com/photos/1.0/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.adobe.com/xmp/note/",
)


class HostileXmp(ValueError):
    """A packet that is not parsed: too large, not XML, or with declarations that may expand."""


def parse_packet(packet: bytes) -> minidom.Document:
    """The packet as a document; raises `HostileXmp`. Entities are never expanded, nothing is fetched."""
    if len(packet) > _MAX_PACKET_BYTES:
        raise HostileXmp("too large")
    try:
        text = packet.decode("utf-16" if packet[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
        content = text.strip("\0 \r\n\t").encode()
        _check_harmless(content)
        document = minidom.parseString(content)  # noqa: S318 — harmless, as was just checked
    except (ExpatError, ValueError, LookupError) as error:  # the last for encodings that nobody knows
        raise HostileXmp(str(error)) from error
    if not document.getElementsByTagNameNS(RDF, "RDF"):
        raise HostileXmp("holds no RDF")
    return document


def _check_harmless(content: bytes) -> None:
    """Raises `HostileXmp` for declarations, which may expand, and for nesting that exhausts the stack."""
    parser, open_elements = ParserCreate(), 0

    def enter(*_: object) -> None:
        nonlocal open_elements
        open_elements += 1
        if open_elements > _MAX_DEPTH:
            raise HostileXmp("nested too deeply")

    def leave(*_: object) -> None:
        nonlocal open_elements
        open_elements -= 1

    def refuse(*_: object) -> None:
        raise HostileXmp("declares a document type")

    parser.StartElementHandler, parser.EndElementHandler = enter, leave
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(content, True)


def merged_packet(existing: bytes | None, values: Mapping[Property, str | Sequence[str]]) -> bytes:
    """The existing packet with these properties set and stale ones left out; a fresh one where there is none.

    A sequence becomes an `rdf:Bag`. Raises `HostileXmp` where the existing packet cannot be trusted.
    """
    document = parse_packet(existing if existing is not None else _EMPTY.encode())
    rdf, root = document.getElementsByTagNameNS(RDF, "RDF")[0], document.documentElement
    assert root is not None
    for description in _descriptions(document):
        _remove(description, lambda name: name in values or _is_stale(name))
    if values:
        rdf.appendChild(_description_of(document, values))
    return (_HEAD + root.toxml() + _TAIL).encode()


def value_in(document: minidom.Document, wanted: Property) -> str | None:
    """The text of a property, whether it is written as an attribute or as an element."""
    for description in _descriptions(document):
        if description.hasAttributeNS(*wanted):
            return str(description.getAttributeNS(*wanted))
        for child in _children(description):
            if (child.namespaceURI, child.localName) == wanted:
                return _text(child)
    return None


def values_in(document: minidom.Document, wanted: Property) -> tuple[str, ...]:
    """The items of an array property."""
    found = (child for d in _descriptions(document) for child in _children(d))
    arrays = [child for child in found if (child.namespaceURI, child.localName) == wanted]
    return tuple(_text(item) for array in arrays for item in array.getElementsByTagNameNS(RDF, "li"))


def gif_with_xmp(gif: bytes, packet: bytes) -> bytes:
    """The GIF with the packet in an application extension behind its global colour table.

    The packet is followed by the 258-byte trailer that lets readers who skip sub-blocks find their way out.
    """
    flags = gif[10]
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    return gif[:at] + _GIF_XMP_HEAD + packet + _GIF_XMP_TRAILER + gif[at:]


def packet_in_gif(gif: bytes) -> bytes | None:
    """The packet that a GIF carries, if it carries one; decoders pass over it."""
    _, head, rest = gif.partition(_GIF_XMP_HEAD)
    packet, trailer, _ = rest.partition(_GIF_XMP_TRAILER[:8])
    return packet if head and trailer else None


def _description_of(
    document: minidom.Document, values: Mapping[Property, str | Sequence[str]]
) -> minidom.Element:
    description = _element(document, (RDF, "Description"))
    description.setAttributeNS(RDF, "rdf:about", "")
    for namespace in {name[0]: None for name in values} | {RDF: None}:
        description.setAttributeNS(_XMLNS, f"xmlns:{_PREFIXES[namespace]}", namespace)
    for name, value in values.items():
        element = description.appendChild(_element(document, name))
        if isinstance(value, str):
            element.appendChild(document.createTextNode(value))
            continue
        bag = element.appendChild(_element(document, (RDF, "Bag")))
        for item in value:
            bag.appendChild(_element(document, (RDF, "li"))).appendChild(document.createTextNode(item))
    return description


def _element(document: minidom.Document, name: Property) -> minidom.Element:
    return document.createElementNS(name[0], f"{_PREFIXES[name[0]]}:{name[1]}")


def _descriptions(document: minidom.Document) -> list[minidom.Element]:
    return list(document.getElementsByTagNameNS(RDF, "Description"))


def _children(element: minidom.Element) -> Iterator[minidom.Element]:
    return (child for child in tuple(element.childNodes) if isinstance(child, minidom.Element))


def _remove(description: minidom.Element, is_unwanted: Callable[[Property], bool]) -> None:
    for namespace, local in tuple(description.attributes.keysNS()):
        if is_unwanted((namespace or "", local)):
            description.removeAttributeNS(namespace, local)
    for child in _children(description):
        if is_unwanted((child.namespaceURI or "", child.localName or "")):
            description.removeChild(child)


def _is_stale(name: Property) -> bool:
    return name in _STALE or name[0].startswith(_STALE_NAMESPACES)


def _text(element: minidom.Element) -> str:
    return "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text)).strip()
