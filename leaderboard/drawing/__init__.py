"""Drawings: lines, intervals and points as inline SVG."""
