"""Coded pictures between an encoder and a file: plain values that keep every time exactly."""

from fractions import Fraction
from typing import Any

import msgspec
from av.packet import Packet


class CodedPacket(msgspec.Struct, frozen=True, array_like=True):
    """One packet of an encoder."""

    pts: int
    """In units of the video's time base."""
    duration: int
    """The same; 0: the encoder did not say."""
    is_key: bool
    """Whether decoding can begin here."""
    data: bytes

    @staticmethod
    def of(packet: "Packet[Any]") -> "CodedPacket":
        """What an encoder just made."""
        assert packet.pts is not None
        return CodedPacket(packet.pts, packet.duration or 0, packet.is_keyframe, bytes(packet))

    def as_packet(self, time_base: Fraction, *, dts: int) -> "Packet[Any]":
        """The same for a muxer."""
        packet: Packet[Any] = Packet(self.data)
        packet.time_base = time_base
        packet.pts, packet.dts, packet.duration = self.pts, dts, self.duration
        packet.is_keyframe = self.is_key
        return packet


def decoding_times(pts: "list[int]") -> list[int]:
    """The dts of packets in coded order, from their pts alone.

    A packet is decoded when the picture `delay` places before it in the order of display is shown: the
    smallest delay at which nothing is shown before it is decoded. Before the first picture time runs on
    backwards as it began.
    """
    if not pts:
        return []
    shown = sorted(pts)
    place = {value: index for index, value in enumerate(shown)}
    delay = max(0, *(index - place[value] for index, value in enumerate(pts)))
    if delay >= len(shown):
        delay = len(shown) - 1
    lead = shown[delay] - shown[0]
    return [shown[i] - lead if i < delay else shown[i - delay] for i in range(len(pts))]
