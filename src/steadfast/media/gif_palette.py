"""Frames in full colour become frames of 256: each gets the palette that suits it, with dithering.

FFmpeg's palettegen and paletteuse do the work (median cut, error diffusion). One palette per frame keeps
memory flat, where one for the whole video would have to see all of it first.
"""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame

_HUNDREDTHS = Fraction(1, 100)
_SHORTEST_DELAY = 2  # hundredths; browsers play anything shorter at a tenth of a second


class GifPalette:
    """Feeds frames through the filters; their times become hundredths of a second."""

    def __init__(self, *, width_px: int, height_px: int, pixel_format: str, time_base: Fraction) -> None:
        self._time_base = time_base
        self._last: int | None = None
        self.skipped = 0  # frames that came too soon after another for a GIF
        graph = Graph()
        source = graph.add_buffer(
            width=width_px,
            height=height_px,
            format=pixel_format,  # type: ignore[arg-type]  # the stub asks for VideoFormat; names work
            time_base=_HUNDREDTHS,
        )
        split = graph.add("split")
        generate = graph.add("palettegen", "stats_mode=single")
        use = graph.add("paletteuse", "new=1:dither=sierra2_4a:alpha_threshold=128")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(generate, 0, 0)
        split.link_to(use, 1, 0)
        generate.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self._graph, self._source, self._sink = graph, source, sink

    def frames_of(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Finished frames after this one went in; None ends the video."""
        if frame is not None:
            assert frame.pts is not None
            pts = round(frame.pts * self._time_base / _HUNDREDTHS)
            if self._last is not None and pts < self._last + _SHORTEST_DELAY:
                self.skipped += 1
                return
            self._last = pts
            frame.pts, frame.time_base = pts, _HUNDREDTHS
        self._source.push(frame)
        while True:
            try:
                finished = self._sink.pull()
            except (av.error.BlockingIOError, EOFError):
                return
            assert isinstance(finished, VideoFrame)
            yield finished
