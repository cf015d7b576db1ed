"""What a file is, judged by its first bytes and never by its name."""

from enum import StrEnum

HEAD_BYTES = 4096
"""How many of a file's first bytes `sniff` wants to see."""


class MediaKind(StrEnum):
    """What can be done with a file."""

    PICTURE = "picture"  # one still image
    ANIMATION = "animation"  # a picture format that may move (GIF): a video where it has several frames
    VIDEO = "video"
    UNKNOWN = "unknown"


class FileFormat(StrEnum):
    """The container a file is in."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"
    HEIC = "heic"
    AVIF = "avif"
    MP4 = "mp4"  # QuickTime's MOV too: one family of boxes
    MATROSKA = "matroska"  # MKV and WebM
    AVI = "avi"
    MPEG = "mpeg"  # program and transport streams
    FLV = "flv"
    OGG = "ogg"
    ASF = "asf"  # WMV
    UNKNOWN = "unknown"

    @property
    def kind(self) -> MediaKind:
        """What files of this format are."""
        if self is FileFormat.UNKNOWN:
            return MediaKind.UNKNOWN
        if self is FileFormat.GIF:
            return MediaKind.ANIMATION
        return MediaKind.PICTURE if self in _PICTURES else MediaKind.VIDEO


_PICTURES = frozenset(
    {
        FileFormat.JPEG,
        FileFormat.PNG,
        FileFormat.WEBP,
        FileFormat.GIF,
        FileFormat.BMP,
        FileFormat.TIFF,
        FileFormat.HEIC,
        FileFormat.AVIF,
    }
)

_MAGIC = (
    (b"\xff\xd8\xff", FileFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", FileFormat.PNG),
    (b"GIF87a", FileFormat.GIF),
    (b"GIF89a", FileFormat.GIF),
    (b"II*\0", FileFormat.TIFF),
    (b"MM\0*", FileFormat.TIFF),
    (b"II+\0", FileFormat.TIFF),
    (b"MM\0+", FileFormat.TIFF),
    (b"\x1a\x45\xdf\xa3", FileFormat.MATROSKA),
    (b"\0\0\x01\xba", FileFormat.MPEG),
    (b"FLV\x01", FileFormat.FLV),
    (b"OggS", FileFormat.OGG),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", FileFormat.ASF),
)
_MAGIC_BY_FIRST_BYTE = {
    magic[:1]: tuple(pair for pair in _MAGIC if pair[0][:1] == magic[:1]) for magic, _ in _MAGIC
}
_RIFF = {b"WEBP": FileFormat.WEBP, b"AVI ": FileFormat.AVI}
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_QUICKTIME_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})  # MOV older than ftyp
_BMP_HEADER_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})


def sniff(head: bytes) -> FileFormat:
    """The format that these first bytes (`HEAD_BYTES` are plenty) belong to; `UNKNOWN` if none."""
    for magic, found in _MAGIC_BY_FIRST_BYTE.get(head[:1], ()):
        if head.startswith(magic):
            return found
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], FileFormat.UNKNOWN)
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    if head[4:8] in _QUICKTIME_BOXES:
        return FileFormat.MP4
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return FileFormat.BMP
    return FileFormat.MPEG if _is_transport_stream(head) else FileFormat.UNKNOWN


def is_text(head: bytes) -> bool:
    """Whether the bytes read as plain text, so that an error can say so."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # only a character that the cut went through is forgiven
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(c.isprintable() or c in "\r\n\t\f" for c in text)


def _by_brands(head: bytes) -> FileFormat:
    """HEIC, AVIF and MP4 share their boxes; the brands tell. The major one speaks first."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return FileFormat.AVIF
        if brand in _HEIC_BRANDS and not _AVIF_BRANDS.intersection(brands):
            return FileFormat.HEIC
    return FileFormat.MP4


def _is_transport_stream(head: bytes) -> bool:
    if not head.startswith(b"G"):  # 0x47, before anything is counted
        return False
    packets = range(0, min(len(head), 188 * 4), 188)
    return len(packets) == 4 and all(head[at] == 0x47 for at in packets)
