"""The geometric swap of the embedded and the standard engine."""

from steadfast.faces.geometric.swapper import GeometricOptions, GeometricSwapper, TargetGlasses

__all__ = ["GeometricOptions", "GeometricSwapper", "TargetGlasses"]
