"""Steadfast: a face-fusion and vision-inference server that stays up."""

__version__ = "0.1.0"
