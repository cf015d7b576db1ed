"""What a video's header says, as plain values."""

from dataclasses import dataclass
from fractions import Fraction

from steadfast.media.colour import ColourTags
from steadfast.media.sniff import FileFormat


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioTrack:
    """One audio stream of a file."""

    index: int  # of the stream in its file
    codec: str  # FFmpeg's name, as "aac"
    rate_hz: int  # 0 where the header does not say
    channels: int  # 0 where the header does not say
    language: str | None  # as the file has it


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """One video file, as its frames will be delivered: upright and in one size and format."""

    file_format: FileFormat  # by content
    codec: str  # FFmpeg's name of the decoder, as "h264"
    width: int  # px, after the display matrix was applied
    height: int  # px, after the display matrix was applied
    pixel_format: str  # FFmpeg's name, as "yuv420p"
    colours: ColourTags
    sample_aspect_ratio: Fraction  # width of a pixel over its height; 1 where the file does not say
    was_turned: bool  # whether the display matrix turned or mirrored the frames
    time_base: Fraction  # seconds of one unit of a timestamp
    average_rate: Fraction | None  # frames per second, if the header allows to tell
    duration_s: float | None  # of the whole file, if the header says
    frames_expected: int | None  # from the header or from duration and rate; the true number may differ
    audio: tuple[AudioTrack, ...]
    other_streams: tuple[str, ...]  # kinds of the streams that are neither, as "subtitle"
    metadata: tuple[tuple[str, str], ...]  # title and the like

    def as_dict(self) -> dict[str, object]:
        """Plain data, for JSON."""
        return {
            "format": self.file_format.value,
            "codec": self.codec,
            "width": self.width,
            "height": self.height,
            "pixel_format": self.pixel_format,
            "hdr": self.colours.is_hdr,
            "fps": round(float(self.average_rate), 3) if self.average_rate else None,
            "duration_s": self.duration_s,
            "frames_expected": self.frames_expected,
            "audio": [track.codec for track in self.audio],
        }
