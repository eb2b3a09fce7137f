"""How a map runs: this machine now, a cluster later; nobody else knows which."""

from __future__ import annotations

from outgrow.engine.local import LocalEngine
from outgrow.engine.protocols import Accumulator, Engine

__all__ = ["Accumulator", "Engine", "LocalEngine"]
