"""Benchmark data: items and where they come from, attributions in bulk, releases."""

__all__: list[str] = []
