"""Intervals: each once, for every number that is reported."""
