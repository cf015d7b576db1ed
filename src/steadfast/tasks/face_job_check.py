"""Whether what a job of faces was told can be done at all, for the server: without file, pixel or codec.

What depends on the file (whether it is a video, how many faces it shows) or on the machine (whether a
hardware encoder opens) is for the worker. A test holds these tables to those of `media` and `faces`.
"""

import re

from steadfast.errors import InvalidOption
from steadfast.tasks.face_job_options import FaceJobOptions

FACES = ("one", "largest", "all", "left-to-right", "left-right")
"""Beside numbers."""
PICTURE_FORMATS = ("jpeg", "jpg", "png", "webp", "tiff", "tif", "avif", "heic", "bmp")
VIDEO_CODECS = {
    "mp4": ("h264", "hevc", "av1", "vp9"),
    "m4v": ("h264", "hevc", "av1", "vp9"),
    "mov": ("h264", "hevc"),
    "mkv": ("h264", "hevc", "av1", "vp9"),
    "webm": ("vp9", "av1"),
    "gif": ("gif",),
}
"""By format, what it may hold; these are the formats of videos."""
ENCODERS = {
    "libx264": "h264",
    "libx265": "hevc",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "gif": "gif",
    **{f"{codec}_{kind}": codec for kind in ("nvenc", "qsv", "amf") for codec in ("h264", "hevc", "av1")},
    **{f"{codec}_videotoolbox": codec for codec in ("h264", "hevc")},
}
"""By name, the codec that it makes."""
ALIASES = {"h265": "hevc", "x264": "h264", "x265": "hevc", "avc": "h264"}
PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
_NUMBERS = re.compile(r"\s*\d{1,4}\s*(,\s*\d{1,4}\s*)*", re.ASCII)
_MOST_THREADS = 64


def check_face_options(options: FaceJobOptions) -> None:
    """Raises `InvalidOption` with what could be said instead."""
    _check_faces(options)
    _check_ranges(options)
    wanted = options.format.lower().lstrip(".")
    if wanted and wanted not in (*PICTURE_FORMATS, *VIDEO_CODECS):
        raise _no(
            "format",
            options.format,
            f"Use one of {', '.join((*VIDEO_CODECS, *PICTURE_FORMATS))}, or leave it out.",
        )
    _check_codec(options.codec, wanted)
    if options.preset not in PRESETS:
        raise _no("preset", options.preset, f"Use one of {', '.join(PRESETS)}.")


def _check_faces(options: FaceJobOptions) -> None:
    if options.has_reference:
        return
    text = options.faces.strip()
    if text.startswith("like:"):
        raise InvalidOption(
            "A person is meant by a photo of theirs.", remedy="Send it as the part reference."
        )
    if text.lower() not in FACES and _NUMBERS.fullmatch(text) is None:
        remedy = "Use one, largest, all, left-to-right, numbers such as 0,2, or send a photo as reference."
        raise _no("faces", options.faces, remedy)


def _check_ranges(options: FaceJobOptions) -> None:
    for name, value, low, high in (
        ("quality", options.quality, 1, 100),
        ("max_bad_frames", options.max_bad_frames, 0, 1),
        ("min_similarity", options.min_similarity, -1, 1),
        ("video_quality", options.video_quality, 0, 100),
        ("threads", options.threads, 0, _MOST_THREADS),
    ):
        if value is not None and not low <= value <= high:
            raise InvalidOption(
                f"The field {name} is {value:g}; it must be from {low} to {high}.",
                remedy="Leave it out for the default.",
            )


def _check_codec(given: str, wanted: str) -> None:
    name = given.lower()
    if name == "auto":
        return
    known = set(ENCODERS.values())
    codec = ENCODERS.get(name) or ALIASES.get(name, name)
    if codec not in known:
        raise _no("codec", given, f"Use auto, one of {', '.join(sorted(known))}, or an encoder's name.")
    holds = VIDEO_CODECS.get(wanted)
    if holds is not None and codec not in holds:
        raise InvalidOption(
            f"A file of the format {wanted} cannot hold {codec} video.",
            remedy=f"Use {' or '.join(holds)}, or another format.",
        )


def _no(name: str, given: str, remedy: str) -> InvalidOption:
    return InvalidOption(f"The field {name} cannot be {given[:50]!r}.", remedy=remedy)
