"""Worlds with known answers, and the embedded data."""
