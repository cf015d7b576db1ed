"""The geometric swap of the embedded and the standard engine."""

from steadfast.faces.geometric.swapper import GeometricSwapper

__all__ = ["GeometricSwapper"]
