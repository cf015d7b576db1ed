"""Encodes the frames of one segment, from a fresh start, into a segment file."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from steadfast.errors import EncodingFailed, OutOfHostMemory
from steadfast.media.coded_packet import CodedPacket
from steadfast.media.containers import OutputContainer
from steadfast.media.encoder_opening import open_encoder
from steadfast.media.encoders import ChosenEncoder
from steadfast.media.segment_file import SegmentFile, SegmentHeader
from steadfast.media.video_info import VideoInfo
from steadfast.media.video_stream import add_video_stream, why


class SegmentWriter:
    """Encodes and writes one segment; the same frames and settings make the same bytes."""

    def __init__(
        self, path: Path, *, container: OutputContainer, chosen: ChosenEncoder, info: VideoInfo, threads: int
    ) -> None:
        """`container` is that of the whole video: it decides where the encoder puts its headers.

        Raises `EncodingFailed` where the encoder cannot be opened.
        """
        self._name = chosen.encoder.name
        # Never started: its only use is that the encoder is set up as it would be for the whole.
        self._setting = av.open(str(path.with_suffix(".setting")), "w", format=container.muxer)
        stream = add_video_stream(self._setting, chosen, info, threads=threads, repeatable=True)
        self._context = stream.codec_context
        try:
            open_encoder(self._context)
        except (av.error.FFmpegError, ValueError) as error:
            raise EncodingFailed(f"{self._name} cannot be opened: {why(error)}.") from error
        self.frames = 0
        self._pts: list[int] = []
        base = info.time_base
        header = SegmentHeader(
            encoder=self._name,
            time_base=(base.numerator, base.denominator),
            extradata=bytes(self._context.extradata or b""),
        )
        self._file = SegmentFile(path, header)

    def write(self, frame: VideoFrame) -> None:
        """Encodes a frame, with its pts and time base; raises `EncodingFailed`."""
        self.frames += 1
        self._encode(frame)

    def write_packet(self, packet: "Packet[Any]") -> None:
        """Nothing: sound and subtitles are muxed when all segments are joined."""

    def finish(self) -> tuple[int, ...]:
        """Completes the file and answers the pts of its packets in coded order; raises `EncodingFailed`."""
        self._encode(None)
        self._file.close()
        if self._file.packets != self.frames:
            raise EncodingFailed(f"{self._name} made {self._file.packets} packets of {self.frames} frames.")
        return tuple(self._pts)

    def abort(self) -> None:
        """Lets go of the file, whatever state it is in."""
        with suppress(OSError, ValueError):
            self._file.abort()

    def _encode(self, frame: VideoFrame | None) -> None:
        try:
            for packet in self._context.encode(frame):
                coded = CodedPacket.of(packet)
                self._pts.append(coded.pts)
                self._file.write(coded)
        except av.error.MemoryError as error:
            raise OutOfHostMemory("Memory ran out while a frame was encoded.") from error
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            raise EncodingFailed(f"{self._name} broke off at frame {self.frames}: {why(error)}.") from error
