"""Videos out: frames encoded in order at their own times, sound and subtitles beside them.

One thread drives a writer. What it writes is a file of its own that the caller made for it
(`media.output.writing_aside`); nothing is whole before `finish` returned.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from steadfast.errors import EncodingFailed, OutOfHostMemory
from steadfast.media.coded_packet import CodedPacket
from steadfast.media.companions import Companions
from steadfast.media.containers import OutputContainer
from steadfast.media.encoder_opening import open_encoder
from steadfast.media.encoders import ChosenEncoder
from steadfast.media.frame_shape import FrameShape
from steadfast.media.gif_palette import GifPalette
from steadfast.media.sound import SoundHandling, SoundTrack, carry_sound
from steadfast.media.video_info import VideoInfo
from steadfast.media.video_stream import add_video_stream, why

_DROPPED_METADATA = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
)  # what describes the file that was read, not the one that is written


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenVideo:
    """What a writer says of its work."""

    encoder: str  # FFmpeg's name
    pixel_format: str
    frames: int
    sound: tuple[str, ...]  # one sentence per audio stream
    notes: tuple[str, ...]  # what is not as the input had it


class VideoWriter:
    """Encodes and muxes one video."""

    def __init__(
        self,
        path: Path,
        *,
        container: OutputContainer,
        chosen: ChosenEncoder,
        info: VideoInfo,
        companions: Companions | None = None,
        metadata: Mapping[str, str] | None = None,
        threads: int = 0,
    ) -> None:
        """`info` is the input's: its times, rate, colours and metadata are kept; `metadata` is added.

        Raises `DamagedMedia` for sound whose header is unusable, `EncodingFailed` where a stream or the
        encoder cannot be set up.
        """
        self._chosen = chosen
        self._notes = list(chosen.notes)
        self._frames = 0
        self._is_joining = False
        self._time_base = info.time_base
        self._palette: GifPalette | None = None
        self._sound: dict[int, SoundTrack] = {}
        self._subtitles: dict[int, Stream] = {}
        try:
            self._output = av.open(str(path), "w", format=container.muxer, options=dict(container.options))
        except av.error.FFmpegError as error:
            raise EncodingFailed(f"{path.name} cannot be opened for writing: {why(error)}.") from error
        try:
            self._video = self._add_video(info, threads)
            self._add_companions(container, companions or Companions())
            self._output.metadata.update(_kept(info.metadata))
            self._output.metadata.update(metadata or {})
        except BaseException:
            self.abort()
            raise

    @property
    def shape(self) -> FrameShape:
        """Of the frames that `write` takes."""
        return self._chosen.shape

    def write(self, frame: VideoFrame) -> None:
        """Encodes a frame of `shape`, with its pts and time base; raises `EncodingFailed`."""
        self._open_encoder()
        self._frames += 1
        self._encode(frame)

    def write_coded(self, coded: CodedPacket, *, dts: int) -> None:
        """Takes a packet that such an encoder made elsewhere; `dts` is its place in the whole.

        A writer gets either frames or these. Raises `EncodingFailed`.
        """
        self._is_joining = True
        self._frames += 1
        packet = coded.as_packet(self._time_base, dts=dts)
        packet.stream = self._video
        try:
            self._output.mux_one(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise EncodingFailed(f"Frame {self._frames} cannot be written: {why(error)}.") from error

    def extradata(self) -> bytes:
        """The header of the coded pictures, once the encoder is open."""
        self._open_encoder()
        return bytes(self._video.codec_context.extradata or b"")

    def write_packet(self, packet: "Packet[Any]") -> None:
        """Takes a packet of one of the audio or subtitle streams it was given; ignores all others."""
        index = packet.stream.index
        if index in self._sound:
            for own in self._sound[index].packets_of(packet):
                self._mux_sound(own, index)
        elif index in self._subtitles and packet.dts is not None:
            packet.stream = self._subtitles[index]
            # A subtitle out of order is not worth the video.
            with suppress(av.error.ArgumentError, av.error.InvalidDataError):
                self._mux([packet])

    def finish(self) -> WrittenVideo:
        """Completes the file; raises `EncodingFailed`, or `DamagedMedia` for sound that is all unusable."""
        if not self._is_joining:
            self._encode(None)
        for index, track in self._sound.items():
            for packet in track.rest():
                self._mux_sound(packet, index)
            if track.lost_packets:
                self._notes.append(f"Sound is damaged: {track.lost_packets} packets of it were left out.")
        try:
            self._output.close()
        except (av.error.FFmpegError, OSError) as error:
            raise EncodingFailed(f"The video cannot be completed: {why(error)}.") from error
        if self._palette is not None and self._palette.skipped:
            self._notes.append(f"{self._palette.skipped} frames left out: a GIF shows at most 50 a second.")
        return WrittenVideo(
            encoder=self._chosen.encoder.name,
            pixel_format=self._chosen.shape.pixel_format,
            frames=self._frames,
            sound=tuple(_sound_sentence(track) for track in self._sound.values()),
            notes=tuple(self._notes),
        )

    def abort(self) -> None:
        """Lets go of the file, whatever state it is in."""
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._output.close()

    # --- setting up ------------------------------------------------------------------------------------

    def _add_video(self, info: VideoInfo, threads: int) -> VideoStream:
        chosen = self._chosen
        stream = add_video_stream(self._output, chosen, info, threads=threads)
        if chosen.encoder.name == "gif":
            self._palette = GifPalette(
                width_px=chosen.shape.width,
                height_px=chosen.shape.height,
                pixel_format=chosen.shape.pixel_format,
                time_base=info.time_base,
            )
        return stream

    def _add_companions(self, container: OutputContainer, companions: Companions) -> None:
        for template in companions.sound:
            track = carry_sound(template, self._output, container)
            if track is None:
                self._notes.append(f"Sound left out: a {container.label} holds none.")
            else:
                self._sound[template.index] = track
        for template in companions.subtitles:
            own = self._add_copy(template)
            if own is None:
                self._notes.append(f"Subtitles left out: a {container.label} cannot hold this kind.")
            else:
                self._subtitles[template.index] = own
        left_out = list(companions.others)
        for template in companions.attachments:
            if not container.holds_attachments or self._add_copy(template) is None:
                left_out.append("attachment")
        if left_out:
            self._notes.append(f"Left out: {', '.join(left_out)}.")
        if companions.chapters and container.holds_chapters:
            self._output.set_chapters(list(companions.chapters))

    def _add_copy(self, template: Stream) -> Stream | None:
        try:
            copy: Stream = self._output.add_stream_from_template(template)
        except (ValueError, av.error.FFmpegError):
            return None
        copy.metadata.update(template.metadata)
        return copy

    # --- encoding --------------------------------------------------------------------------------------

    def _open_encoder(self) -> None:
        context = self._video.codec_context
        if context.is_open:
            return
        try:
            open_encoder(context)
        except (av.error.FFmpegError, ValueError) as error:
            raise EncodingFailed(f"{self._chosen.encoder.name} cannot be opened: {why(error)}.") from error

    def _encode(self, frame: VideoFrame | None) -> None:
        try:
            if self._palette is None:
                self._mux(self._video.encode(frame))
                return
            for finished in self._palette.frames_of(frame):
                self._mux(self._video.encode(finished))
            if frame is None:
                self._mux(self._video.encode(None))
        except av.error.MemoryError as error:
            raise OutOfHostMemory("Memory ran out while a frame was encoded.") from error
        except (av.error.FFmpegError, OSError) as error:
            raise EncodingFailed(
                f"{self._chosen.encoder.name} broke off at frame {self._frames}: {why(error)}."
            ) from error

    def _mux_sound(self, packet: "Packet[Any]", index: int) -> None:
        try:
            self._mux([packet])
        except (av.error.ArgumentError, av.error.InvalidDataError):  # refused as damaged; the muxer goes on
            self._sound[index].lost_packets += 1
        except (av.error.FFmpegError, OSError) as error:
            raise EncodingFailed(f"The sound cannot be written: {why(error)}.") from error

    def _mux(self, packets: "Iterable[Packet[Any]]") -> None:
        for packet in packets:
            self._output.mux_one(packet)


def _kept(metadata: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {key: value for key, value in metadata if key.lower() not in _DROPPED_METADATA}


def _sound_sentence(track: SoundTrack) -> str:
    lost = f", {track.lost_packets} damaged packets left out" if track.lost_packets else ""
    return f"{track.note}{lost}"


__all__ = ["SoundHandling", "VideoWriter", "WrittenVideo"]
