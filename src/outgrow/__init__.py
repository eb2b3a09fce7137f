"""Tells whether a strong student will outgrow its weak teacher, and then trains it."""

__version__ = "0.1.0"
