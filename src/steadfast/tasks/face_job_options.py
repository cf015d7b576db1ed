"""What a job of the faces task may be told; the server imports this, so it knows no pixel."""

import msgspec


class FaceJobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one item: its inputs are the sources, the reference if there is one, and last the target."""

    has_reference: bool = False
    """Whether the last of the photos shows the person meant instead of a source."""
    faces: str = "largest"
    """Which faces of the target: `one`, `largest`, `all`, `left-to-right`, or numbers such as `0,2`."""
    min_similarity: float | None = None
    """To the reference."""
    enhance: bool = False
    """Whether each swapped face is restored by the engine's enhancer."""
    format: str = ""
    """Ending of the result's name, as `mp4`, `mkv`, `gif`, `png`; empty: the target's own, or the nearest."""
    quality: int = 95
    """1 to 100, of lossy pictures."""
    codec: str = "auto"
    """Of a video: a codec, an encoder, or auto."""
    video_quality: float | None = None
    """On the encoder's own scale (CRF), lower is better; None: its default."""
    preset: str = "medium"
    """Of the encoder: `ultrafast` to `placebo`."""
    threads: int = 0
    """Of the encoder; 0: by the cores of the machine that plans. Pinned, for it changes the bytes."""
    keep_sound: bool = True
    max_bad_frames: float = 0.01
    """Share of a video's frames that may keep their original or be repeated."""
    segment_s: float = 4.0
    """About how long the segments of a video are."""
