"""A video frame as a canvas: its planes are read and written in place, only where a face is.

A whole-frame conversion to BGR and back would cost a quarter of what encoding does, and would change every
pixel. Here a region is converted with the frame's own matrix and range, and what is written back touches
only masked pixels; a chroma sample is written when any of its luma pixels is.
"""

import cv2
import numpy as np
from av.video.frame import VideoFrame

from steadfast.media.canvas import BgrImage, GreyImage, Region
from steadfast.media.colour import Conversion, RangeCode, choose_matrix, rgb_conversion, ycbcr_conversion
from steadfast.media.pixel_layout import Arrangement, PixelLayout, layout_of
from steadfast.media.plane_views import Plane, colour_views, cut, shrink_blocks

_SIGNATURE_ROWS, _SIGNATURE_COLUMNS = 36, 64


class PlaneCanvas:
    """A frame's planes, changed in place; see `media.canvas.Canvas`.

    The frame's pixel format must have a layout (`is_supported`). Samples deeper than 8 bits keep the part
    that 8 bits cannot hold: what is written is the change, not the rounded colour.
    """

    def __init__(self, frame: VideoFrame) -> None:
        layout = layout_of(frame.format.name)
        if layout is None:
            raise ValueError(f"no layout for pixel format {frame.format.name}")
        self._frame = frame
        self._layout = layout
        self._conversion = _conversion_of(frame, layout)
        self._planes = colour_views(frame, layout)
        self._is_ours = False

    @staticmethod
    def is_supported(pixel_format: str) -> bool:
        """Whether frames of this format can be touched in place."""
        return layout_of(pixel_format) is not None

    @property
    def frame(self) -> VideoFrame:
        """The frame whose planes these are."""
        return self._frame

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self._frame.width)

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self._frame.height)

    def thumbnail(self, long_side_px: int) -> tuple[BgrImage, float]:
        """See `Canvas.thumbnail`; the planes are made small before they are converted."""
        scale = long_side_px / max(self.width, self.height)
        if scale >= 1.0:
            return self.read(Region(left=0, top=0, right=self.width, bottom=self.height)), 1.0
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in self._planes]
        return self._to_bgr(small), scale

    def read(self, region: Region) -> BgrImage:
        """See `Canvas.read`; chroma is repeated, so that writing what was read changes nothing."""
        grid = self._on_chroma_grid(region)
        pixels = self._to_bgr(self._full_size_samples(grid))
        if grid == region:
            return pixels
        top, left = region.top - grid.top, region.left - grid.left
        return np.ascontiguousarray(pixels[top : top + region.height, left : left + region.width])

    def write(self, region: Region, pixels: BgrImage, mask: GreyImage) -> None:
        """See `Canvas.write`."""
        self._own_the_buffers()
        grid = self._on_chroma_grid(region)
        if grid != region:
            pixels, mask = self._extended(region, grid, pixels, mask)
        if self._layout.arrangement is Arrangement.PACKED_RGB:
            self._write_packed(grid, pixels, mask)
            return
        samples = self._from_bgr(grid, pixels)
        if self._layout.arrangement is Arrangement.PLANAR_RGB:
            for plane, channel in zip(self._planes, (1, 0, 2), strict=True):
                self._store(cut(plane, grid), cv2.extractChannel(samples, channel), mask)
            return
        self._store(cut(self._planes[0], grid), cv2.extractChannel(samples, 0), mask)
        if self._layout.arrangement is not Arrangement.GREY:
            self._write_chroma(grid, samples, mask)

    def luma_signature(self) -> GreyImage:
        """A tiny grey picture (36 × 64) of the frame, to tell a scene cut from motion in microseconds."""
        plane = self._planes[0]
        rows = plane[:: max(1, plane.shape[0] // _SIGNATURE_ROWS), :: max(1, plane.shape[1] // 256)]
        if rows.ndim == 3:
            rows = rows[..., 1]
        excess_bits = self._layout.depth_bits + self._layout.shift_bits - 8
        grey = (rows >> excess_bits).astype(np.uint8) if excess_bits > 0 else np.ascontiguousarray(rows)
        small = cv2.resize(grey, (_SIGNATURE_COLUMNS, _SIGNATURE_ROWS), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)

    # --- reading ---------------------------------------------------------------------------------------

    def _full_size_samples(self, grid: Region) -> list[Plane]:
        """The region of every plane, chroma repeated up to the size of luma."""
        if self._layout.arrangement in (Arrangement.PLANAR_RGB, Arrangement.PACKED_RGB, Arrangement.GREY):
            return [cut(plane, grid) for plane in self._planes]
        luma = cut(self._planes[0], grid)
        return [luma, *(self._repeated(self._cut_chroma(plane, grid), grid) for plane in self._planes[1:])]

    def _repeated(self, chroma: Plane, grid: Region) -> Plane:
        across, down = self._layout.chroma_width_log2, self._layout.chroma_height_log2
        if not across and not down:
            return chroma
        size = (chroma.shape[1] << across, chroma.shape[0] << down)
        # A frame of odd size ends inside a chroma sample: the rest of it hangs over.
        return cv2.resize(chroma, size, interpolation=cv2.INTER_NEAREST)[: grid.height, : grid.width]

    def _to_bgr(self, samples: list[Plane]) -> BgrImage:
        """BGR of planes that all have one size."""
        layout = self._layout
        if layout.arrangement is Arrangement.PACKED_RGB:
            return _packed_to_bgr(samples[0], layout)
        merged = self._merged(samples)
        if layout.shift_bits:
            merged = merged >> layout.shift_bits
        pixels = cv2.transform(merged, self._conversion.to_bgr)
        if pixels.dtype == np.uint8:
            return np.asarray(pixels, dtype=np.uint8)
        return np.minimum(pixels, 255).astype(np.uint8)

    def _merged(self, samples: list[Plane]) -> Plane:
        layout = self._layout
        if layout.arrangement is Arrangement.PLANAR_RGB:
            return cv2.merge([samples[1], samples[0], samples[2]])  # the conversion starts from B, G, R
        if layout.arrangement is Arrangement.GREY:
            neutral = np.full_like(samples[0], 1 << (layout.depth_bits - 1))
            return cv2.merge([samples[0], neutral, neutral])
        if layout.arrangement is Arrangement.PLANAR:
            return cv2.merge(samples)
        cb, cr = cv2.split(samples[1])
        return cv2.merge([samples[0], cr, cb] if layout.cr_first else [samples[0], cb, cr])

    # --- writing ---------------------------------------------------------------------------------------

    def _own_the_buffers(self) -> None:
        """Decoders keep frames they predict from: those are copied once, before the first write."""
        if not self._is_ours:
            self._planes = []  # views must not outlive the buffer that make_writable may replace
            self._frame.make_writable()
            self._planes = colour_views(self._frame, self._layout)
            self._is_ours = True

    def _extended(
        self, region: Region, grid: Region, pixels: BgrImage, mask: GreyImage
    ) -> tuple[BgrImage, GreyImage]:
        """The same write on whole chroma samples: what was not asked for is what is there already."""
        whole = self.read(grid)
        whole_mask = np.zeros((grid.height, grid.width), dtype=np.uint8)
        top, left = region.top - grid.top, region.left - grid.left
        rows, columns = slice(top, top + region.height), slice(left, left + region.width)
        whole[rows, columns] = pixels
        whole_mask[rows, columns] = mask
        return whole, whole_mask

    def _from_bgr(self, grid: Region, pixels: BgrImage) -> Plane:
        """Samples at full size, height × width × 3."""
        layout = self._layout
        if layout.depth_bits == 8:
            return cv2.transform(pixels, self._conversion.from_bgr)
        exact: Plane = self._merged(self._full_size_samples(grid)) >> layout.shift_bits
        rounded = cv2.transform(self._to_bgr_of_exact(exact).astype(np.uint16), self._conversion.from_bgr)
        written = cv2.transform(pixels.astype(np.uint16), self._conversion.from_bgr)
        # What 8 bits could not hold is at most one of their steps; more is a colour BGR has no place for.
        step = 1 << (layout.depth_bits - 8)
        remainder = np.clip(exact.astype(np.int32) - rounded, -step, step)
        top = (1 << layout.depth_bits) - 1
        whole: Plane = np.clip(written.astype(np.int32) + remainder, 0, top).astype(np.uint16)
        return whole

    def _to_bgr_of_exact(self, exact: Plane) -> BgrImage:
        return np.minimum(cv2.transform(exact, self._conversion.to_bgr), 255).astype(np.uint8)

    def _write_packed(self, grid: Region, pixels: BgrImage, mask: GreyImage) -> None:
        layout = self._layout
        if layout.samples == 3 and layout.bgr_order == (0, 1, 2):
            cv2.copyTo(pixels, mask, cut(self._planes[0], grid))
            return
        view, chosen = cut(self._planes[0], grid), mask != 0
        for channel, place in enumerate(layout.bgr_order):
            np.copyto(view[..., place], pixels[..., channel], where=chosen)

    def _write_chroma(self, grid: Region, samples: Plane, mask: GreyImage) -> None:
        layout = self._layout
        across, down = 1 << layout.chroma_width_log2, 1 << layout.chroma_height_log2
        chroma, chroma_mask = samples[..., 1:], mask
        if across > 1 or down > 1:
            chroma, chroma_mask = shrink_blocks(samples, mask, across, down)
            chroma = chroma[..., 1:]
        cb, cr = (np.ascontiguousarray(chroma[..., index]) for index in (0, 1))
        if layout.arrangement is Arrangement.PLANAR:
            self._store(self._cut_chroma(self._planes[1], grid), cb, chroma_mask)
            self._store(self._cut_chroma(self._planes[2], grid), cr, chroma_mask)
        else:
            pair = cv2.merge([cr, cb] if layout.cr_first else [cb, cr])
            self._store(self._cut_chroma(self._planes[1], grid), pair, chroma_mask)

    def _store(self, view: Plane, samples: Plane, mask: GreyImage) -> None:
        if self._layout.shift_bits:
            samples = samples << self._layout.shift_bits
        cv2.copyTo(samples, mask, view)

    # --- geometry --------------------------------------------------------------------------------------

    def _on_chroma_grid(self, region: Region) -> Region:
        """The region grown to whole chroma samples, inside the frame."""
        across, down = 1 << self._layout.chroma_width_log2, 1 << self._layout.chroma_height_log2
        return Region(
            left=region.left - region.left % across,
            top=region.top - region.top % down,
            right=min(self.width, region.right + -region.right % across),
            bottom=min(self.height, region.bottom + -region.bottom % down),
        )

    def _cut_chroma(self, plane: Plane, grid: Region) -> Plane:
        across, down = self._layout.chroma_width_log2, self._layout.chroma_height_log2
        rows = slice(grid.top >> down, -(-grid.bottom >> down))
        return plane[rows, grid.left >> across : -(-grid.right >> across)]


def _conversion_of(frame: VideoFrame, layout: PixelLayout) -> Conversion:
    if layout.arrangement in (Arrangement.PACKED_RGB, Arrangement.PLANAR_RGB):
        return rgb_conversion(layout.depth_bits)
    matrix = choose_matrix(int(frame.colorspace), frame.width, frame.height)
    full = layout.full_range or int(frame.color_range) == RangeCode.FULL
    return ycbcr_conversion(matrix, full_range=full, depth_bits=layout.depth_bits)


def _packed_to_bgr(samples: Plane, layout: PixelLayout) -> BgrImage:
    if layout.bgr_order == (0, 1, 2) and layout.samples == 3:
        return np.array(samples, dtype=np.uint8)
    return np.ascontiguousarray(samples[..., list(layout.bgr_order)], dtype=np.uint8)
