"""Turn raw rows into feature sets, look at models before they are trusted, check stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from outgrow import runs
from outgrow.config import EncodeConfig, RawConfig
from outgrow.errors import ConfigError
from outgrow.features.cache import export
from outgrow.features.encode import Encoding
from outgrow.features.inspect_model import Inspection, inspect_model
from outgrow.features.model_spec import parse_model
from outgrow.features.verify import verify as verify_store
from outgrow.study.saved import load
from outgrow.study.sources import Permissions, Progress, encoded, raw_rows
from outgrow.targets import check_writable, recover


def encode(
    config: EncodeConfig,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> list[Encoding]:
    """Turn raw rows into feature sets, one per model."""
    raw = raw_rows(config, config.input)
    # Names come from the user and from file names: they must not lead out of the folder, nor to one place.
    names = [parse_model(model, raw.kind).name for model in config.model]
    names = [name.replace("/", "-").lstrip(".") or "features" for name in names]
    if out is not None and len({name.casefold() for name in names}) < len(set(config.model)):
        raise ConfigError(
            f"two feature sets would be one folder: {', '.join(names)}", str(out), "Name them: small=MODEL."
        )
    if out is not None:
        for name in names:
            check_writable(Path(out) / name)
    made = encoded(config, raw, config.model, Permissions(tuple(allow_code)), progress)
    if out is None:
        return made
    return [
        replace(encoding, folder=export(encoding.folder, Path(out) / name, overwrite))
        for encoding, name in zip(made, names, strict=True)
    ]


def inspect(
    model: str,
    config: RawConfig | None = None,
    *,
    kind: str = "text",
    source: str | None = None,
    rows: int = 100_000,
    allow_code: Sequence[str] = (),
) -> Inspection:
    """Look at a model before it is trusted with many rows."""
    config = config or RawConfig()
    raw = raw_rows(config, source) if source is not None else None
    spec = parse_model(model, raw.kind if raw is not None else kind)
    return inspect_model(spec, config, allow_code, raw, kind, rows)


def verify(store: str | Path) -> list[str]:
    """Check every page and id of a feature store, or every file and model of a run."""
    folder = Path(store)
    recover(folder)
    if any((folder / name).is_file() for name in runs.FINDINGS):
        wrong = runs.wrong_files(folder)
        if not wrong and (folder / runs.FINDINGS[0]).is_file():
            load(folder)  # checksums are right; what they are of need not be
        return wrong
    return verify_store(store)
