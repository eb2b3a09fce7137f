"""Theory as pure functions: exact risks, gains and what they need to know (docs/theory.md)."""
