"""Carries a video's sound over: packets as they are where the container takes them, else encoded anew."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Protocol

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer as OpenOutput
from av.packet import Packet
from av.stream import Stream

from steadfast.errors import DamagedMedia, EncodingFailed
from steadfast.media.containers import OutputContainer

_BITS_PER_CHANNEL = {"aac": 96_000, "libopus": 64_000}
_OPUS_RATE_HZ = 48_000
_MOST_CHANNELS = 8


class SoundHandling(StrEnum):
    """What became of an audio stream."""

    COPIED = "copied"  # bit for bit
    ENCODED = "encoded"  # decoded and encoded anew
    DROPPED = "dropped"  # the container holds none, or the user wanted none


class SoundTrack(Protocol):
    """One audio stream on its way from input to output."""

    handling: SoundHandling
    note: str  # for the report
    lost_packets: int  # packets that were damaged and left out

    def packets_of(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """What the output gets for a packet of the input."""
        ...

    def rest(self) -> "Iterator[Packet[Any]]":
        """What is still inside at the end."""
        ...


def carry_sound(template: Stream, output: OpenOutput, container: OutputContainer) -> SoundTrack | None:
    """Prepares the way of one stream; None where the container holds no sound.

    Raises `DamagedMedia` where the stream's header is unusable.
    """
    if container.audio_encoder is None:
        return None
    _check_header(template)
    try:
        return CopiedTrack(template, output)
    except ValueError:  # the container has no place for this codec
        return EncodedTrack(template, output, container.audio_encoder)


def _check_header(template: Stream) -> None:
    context = template.codec_context
    if context is None or not getattr(context, "sample_rate", 0) or not getattr(context, "channels", 0):
        raise DamagedMedia(
            "The sound of the video is corrupt: its header does not say how to play it.",
            remedy="Mend the sound, or leave it out with --no-sound.",
        )


class CopiedTrack:
    """Packets pass as they are."""

    handling = SoundHandling.COPIED

    def __init__(self, template: Stream, output: OpenOutput) -> None:
        self._stream = output.add_stream_from_template(template)
        self._stream.metadata.update(_kept_metadata(template))
        self.note = f"{template.codec_context.name} copied"
        self.lost_packets = 0
        self._last_dts: int | None = None

    def packets_of(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """The packet itself, unless its time runs backwards, which no container can hold."""
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None or (self._last_dts is not None and packet.dts < self._last_dts):
            self.lost_packets += 1
            return
        self._last_dts = packet.dts
        packet.stream = self._stream
        yield packet

    def rest(self) -> "Iterator[Packet[Any]]":
        """Nothing."""
        return iter(())


class EncodedTrack:
    """Packets are decoded and encoded anew; damaged ones leave a silence."""

    handling = SoundHandling.ENCODED

    def __init__(self, template: Stream, output: OpenOutput, encoder: str) -> None:
        assert isinstance(template, AudioStream)
        self._decoder = template.codec_context
        channels = min(self._decoder.channels, _MOST_CHANNELS)
        rate_hz = _OPUS_RATE_HZ if encoder == "libopus" else _aac_rate(self._decoder.sample_rate)
        stream = output.add_stream(encoder, rate=rate_hz)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = _layout(self._decoder.layout.name, channels)
        stream.codec_context.bit_rate = _BITS_PER_CHANNEL[encoder] * channels
        stream.metadata.update(_kept_metadata(template))
        self._encoder = stream.codec_context
        self._stream = stream
        self._resampler: AudioResampler | None = None
        self.note = f"{self._decoder.name} encoded anew with {encoder}"
        self.lost_packets = 0
        self._decoded_frames = 0

    def packets_of(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """What the encoder finishes with this packet's sound."""
        try:
            frames = self._decoder.decode(packet)
        except (av.error.FFmpegError, EOFError):
            self.lost_packets += 1
            return
        self._decoded_frames += len(frames)  # the packet that ends the stream decodes to none
        for frame in frames:
            yield from self._encoded(frame)

    def rest(self) -> "Iterator[Packet[Any]]":
        """The end of the sound; `DamagedMedia` where none of it could be decoded."""
        if self.lost_packets and not self._decoded_frames:
            raise DamagedMedia(
                "The sound of the video is corrupt: none of it can be decoded.",
                remedy="Mend the sound, leave it out with --no-sound, or write an MKV, which copies it.",
            )
        try:
            for frame in self._decoder.decode(None):
                yield from self._encoded(frame)
        except (av.error.FFmpegError, EOFError):
            self.lost_packets += 1
        if self._resampler is not None:
            yield from self._encoded(None)
            yield from self._own(self._encoder.encode(None))

    def _encoded(self, frame: AudioFrame | None) -> "Iterator[Packet[Any]]":
        try:
            if self._resampler is None:
                self._resampler = self._make_resampler()
            for resampled in self._resampler.resample(frame):
                yield from self._own(self._encoder.encode(resampled))
        except av.error.FFmpegError as error:
            raise EncodingFailed(f"The sound cannot be encoded: {error.strerror}.") from error

    def _make_resampler(self) -> AudioResampler:
        if not self._encoder.is_open:
            self._encoder.open()
        return AudioResampler(
            format=self._encoder.format,
            layout=self._encoder.layout,
            rate=self._encoder.sample_rate,
            frame_size=self._encoder.frame_size or None,
        )

    def _own(self, packets: "list[Packet[Any]]") -> "Iterator[Packet[Any]]":
        for packet in packets:
            packet.stream = self._stream
            yield packet


def _kept_metadata(template: Stream) -> dict[str, str]:
    return {key: value for key, value in template.metadata.items() if key.lower() in ("language", "title")}


def _layout(name: str, channels: int) -> str:
    return name if name in ("mono", "stereo", "5.1", "7.1") else "mono" if channels == 1 else "stereo"


def _aac_rate(rate_hz: int) -> int:
    return rate_hz if rate_hz in (8000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000) else 48_000
