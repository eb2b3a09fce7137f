"""The inspection of a model, for a terminal."""

from __future__ import annotations

from outgrow.features.inspect_model import Inspection
from outgrow.report.text import number, visible


def inspection_lines(inspection: Inspection) -> list[str]:
    """Write the inspection of a model."""
    identity = inspection.identity
    layers = "" if inspection.layers is None else f" of {inspection.layers} hidden layers"
    on = "made-up rows" if inspection.made_up else "rows"
    named = [
        (
            "Model",
            f"{identity.name} ({identity.kind}, revision {identity.revision.removeprefix('sha256:')[:12]})",
        ),
        ("Licence", identity.licence or "not said"),
        ("Width", number(identity.width)),
        ("Layer", f"{identity.layer}{layers}"),
        ("Pooling", identity.pooling),
        ("Computes in", identity.dtype),
        ("Transform", identity.transform),
        ("Speed", f"{number(inspection.rows_per_second)} rows a second ({inspection.tried:,} {on} tried)"),
        (
            f"{inspection.rows:,} rows",
            f"{_duration(inspection.seconds)}, {inspection.disk / 1e6:,.0f} MB on disk,"
            f" {inspection.memory / 1e6:,.0f} MB of memory beside the model",
        ),
    ]
    if inspection.process is not None:
        named.append(("This process", f"{inspection.process / 1e6:,.0f} MB at its peak, model included"))
    wide = max(len(name) for name, _ in named)
    lines = [f"{name:{wide}}  {visible(text)}" for name, text in named]
    lines += [f"{check.code} {check.title}: {check.detail}. {check.remedy}" for check in inspection.checks]
    if not inspection.checks:
        lines.append("Probe: the same rows give the same features, whatever stands beside them.")
    return lines


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
