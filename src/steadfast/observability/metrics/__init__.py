"""Figures for Prometheus, made from events and snapshots; nothing below knows that they exist."""
