"""Saved models: tensors and JSON, no code, tied to the features they were trained on.

A model holds the centring and basis of each feature set it reads, its linear head, its classes, and the
identity of those features with their mean and covariance. Features of another width, of another named
encoder, or that lie nowhere near the training features are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from outgrow.data.feature_manifest import same_encoder
from outgrow.data.features_file import FeatureTable
from outgrow.data.files import quoted
from outgrow.errors import ConfigError, DataError, read_back
from outgrow.geometry.pairs import STRONG, WEAK
from outgrow.linalg.moment_table import BlockMoments
from outgrow.linalg.ridge_path import LinearModel
from outgrow.linalg.row_space import RowSpace
from outgrow.results import as_plain
from outgrow.runs import open_folder, read_json, read_tensors, write_json, write_tensors
from outgrow.study.prepare import Prepared
from outgrow.study.training import Trained

FAR = 4.0
"""Refuse features whose median squared distance from the training features is this many times the usual.

The distance is Mahalanobis's. On the movie reviews new rows of the same encoder stay below 1.3, those of
another encoder of the same width start at 5; one row in a hundred of the same encoder reaches 3.7."""

INPUTS = "inputs.json"
"""Digests of what a run was made of."""

SMOOTHING = 1e-2
"""Share of the mean variance added to every direction, so that rounding in empty directions counts little."""


REPR_LINES = 10
"""Lines that a run is shown in: what fits beside the next prompt."""

ROWS = {"n": "labelled", "N": "unlabelled", "n_test": "test"}
"""Counts of rows in a run's findings, and their names."""


def _short(quantity: Any) -> str:
    value = quantity.get("value") if isinstance(quantity, Mapping) else None
    if not isinstance(value, (int, float)):
        return "undefined"
    low, high = quantity.get("interval") or (None, None)
    return f"{value:.3g}" + ("" if low is None or high is None else f" [{low:.3g}, {high:.3g}]")


@dataclass(frozen=True)
class Whereabouts:
    """Where the training features of one set lie."""

    mean: Float[np.ndarray, " d"]
    """Mean over the training rows."""
    whitener: Float[np.ndarray, "d r"]
    """``|(x - mean) @ whitener|^2`` is the squared distance, 1 on average over the training rows."""

    @classmethod
    def of(cls, moments: BlockMoments, block: str, space: RowSpace) -> Whereabouts:
        """Take the mean and covariance of training rows, which are coordinates in a space."""
        variances, vectors = np.linalg.eigh(moments.covariance(block))
        smooth = np.maximum(variances, 0.0) + SMOOTHING * max(float(variances.mean()), 1e-300)
        usual = float(np.sum(np.maximum(variances, 0.0) / smooth))
        whitener = vectors / np.sqrt(smooth * max(usual, 1e-300))
        whole = space.then(RowSpace(moments.mean(block), whitener.astype(np.float32)))
        return cls(whole.mean, np.ascontiguousarray(whole.basis))

    def distance(self, values: Float[np.ndarray, "m d"]) -> float:
        """Give the median squared distance of rows, in units of the training rows' mean."""
        # A thousand rows tell as much about where a set lies as a million.
        some = values[:: max(1, len(values) // 1000)]
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.sum(((some - self.mean) @ self.whitener) ** 2, axis=1)
        # What overflows lies as far as anything.
        return float(np.median(np.where(np.isnan(squares), np.inf, squares)))


@dataclass(frozen=True)
class Source:
    """One feature set a model reads."""

    role: str
    """ "weak" or "strong"."""
    name: str
    """Its name in the run."""
    encoder: str | None
    """The encoder, where the file named it."""
    whereabouts: Whereabouts
    """Where its training features lie."""
    space: RowSpace
    """Directions kept."""
    columns: tuple[str, ...] = ()
    """Names of its columns, in order, where it was a wide table."""
    mixing: Float[np.ndarray, "columns d"] | None = None
    """What made it of several teachers' columns, where it was made."""

    def mixed(self, values: Float[np.ndarray, "m _"], where: str) -> Float[np.ndarray, "m d"]:
        """Make the set of the columns that it was made of."""
        if self.mixing is None:
            return values
        if values.ndim != 2 or values.shape[1] != len(self.mixing):
            raise DataError(
                f"{self.name!r} is made of {len(self.mixing)} columns ({quoted(self.columns, 20)}), and these"
                f" features have {values.shape[-1]}",
                where,
                "Give these columns, in this order, in one file.",
            )
        return np.asarray(values @ self.mixing)

    def check(self, values: Float[np.ndarray, "m d"], encoder: str | None, where: str) -> None:
        """Refuse features that are not of this source."""
        remedy = f"Give features of {self.encoder or self.name!r}, made as those of the run."
        if values.ndim != 2 or values.shape[1] != len(self.space.mean):
            width = values.shape[1] if values.ndim == 2 else 0
            raise DataError(
                f"the model reads {len(self.space.mean)} columns of {self.name!r}, these features have"
                f" {width}",
                where,
                remedy,
            )
        if encoder and self.encoder and not same_encoder(encoder, self.encoder):
            raise DataError(f"these are features of {encoder!r}, not of {self.encoder!r}", where, remedy)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise DataError(f"row {row}, column {column} is NaN or infinite", where, "Remove the row.")
        if encoder and self.encoder and "#" in encoder and "#" in self.encoder:
            return  # the digests agree: rows that lie far are unlike the run's, and not of another encoder
        if len(values) and (distance := self.whereabouts.distance(values)) > FAR:
            raise DataError(
                f"these features lie {distance:.3g} times as far (squared) from the training features as"
                f" {self.name!r} would",
                where,
                remedy,
            )


@dataclass(frozen=True)
class SavedModel:
    """A trained route, as read back from a run."""

    name: str
    kind: str
    """The route."""
    task: str
    """Regression or classification."""
    classes: tuple[Any, ...]
    """Classes in the order of the columns."""
    sources: tuple[Source, ...]
    """What it reads, in order."""
    head: LinearModel
    """What it makes of them."""

    def scores(self, *features: FeatureTable | Float[np.ndarray, "m _"]) -> Float[np.ndarray, "m k"]:
        """Give the head's outputs, one column per target or class."""
        if len(features) != len(self.sources):
            names = " and ".join(source.name for source in self.sources)
            raise ConfigError(
                f"{self.name} reads {len(self.sources)} feature sets ({names}), {len(features)} given"
            )
        parts = []
        for given, source in zip(features, self.sources, strict=True):
            if isinstance(given, FeatureTable):
                values, encoder, where = given.values, given.identity.encoder, given.identity.source
            else:
                values, encoder, where = np.asarray(given), None, "features"
            values = source.mixed(values, where)
            source.check(values, encoder, where)
            parts.append(source.space.apply(values))
        if len({len(part) for part in parts}) > 1:
            raise DataError("the feature sets differ in their number of rows")
        rows = parts[0] if len(parts) == 1 else np.hstack(parts)
        return self.head.predict(rows)

    def predict(self, *features: FeatureTable | Float[np.ndarray, "m _"]) -> np.ndarray:
        """Predict values or classes."""
        scores = self.scores(*features)
        if self.task == "classification":
            return np.asarray(self.classes)[scores.argmax(axis=1)]
        return np.asarray(scores[:, 0])


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """A run read back."""

    folder: Path
    """Where it stands."""
    outcome: Mapping[str, Any]
    """Everything it found, as plain values."""
    models: Mapping[str, SavedModel]
    """Every route's model by name."""

    def __repr__(self) -> str:
        outcome = self.outcome
        rows = ", ".join(f"{outcome.get(key)} {what}" for key, what in ROWS.items())
        best = (outcome.get("verdict") or {}).get("recommended")
        routes = sorted(outcome.get("routes") or (), key=lambda route: route.get("name") != best)
        lines = [
            f"outgrow run in {self.folder}",
            f"{outcome.get('title')}",
            f"{outcome.get('task')}; {rows} rows",
            f"errors on {outcome.get('evaluation')}, * recommended:",
        ]
        room = REPR_LINES - len(lines) - 1
        shown = routes if len(routes) <= room else routes[: room - 1]
        lines += [
            f"{'* ' if route.get('name') == best else '  '}{route.get('name')}: {_short(route.get('risk'))}"
            for route in shown
        ]
        lines += [f"  and {len(routes) - len(shown)} more"] if len(shown) < len(routes) else []
        lines.append("all findings: .outcome; new rows: .model('student').predict(features)")
        # Titles and names come from outside: one line each, and nothing that steers a terminal.
        return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)

    def model(self, which: str) -> SavedModel:
        """Find a model by name or kind."""
        with read_back(self.folder / "run.json"):
            return self._model(which)

    def _model(self, which: str) -> SavedModel:
        if which == "recommended":
            which = str(self.outcome["verdict"]["recommended"])
        if which in self.models:
            return self.models[which]
        kin = [name for name, model in self.models.items() if model.kind == which]
        if len(kin) == 1:
            return self.models[kin[0]]
        if kin:
            # Several teachers: the one whose student the labels liked best.
            risks = self.outcome["verdict"]["risks"]
            known = [name for name in kin if name in risks]
            if known:
                return self.models[min(known, key=lambda name: float(risks[name]["value"]))]
        raise ConfigError(
            f"the run has no model {which!r}", str(self.folder), f"It has: {', '.join(self.models)}."
        )

    @property
    def student(self) -> SavedModel:
        """The W2S student (of the best teacher, by the labels, where there are several)."""
        return self.model("student")

    @property
    def teacher(self) -> SavedModel:
        """The weak teacher (the best one, by the labels, where there are several)."""
        return self.model("teacher")

    @property
    def baseline(self) -> SavedModel:
        """The strong baseline."""
        return self.model("baseline")


def save_models(folder: Path, data: Prepared, trained: tuple[Trained, ...]) -> None:
    """Write every route's model."""
    (folder / "models").mkdir()
    blocks = [(name, table, WEAK) for name, table in data.moments.items()]
    blocks.append((data.strong_name, blocks[0][1], STRONG))
    places = {name: f"models/features-{number}.safetensors" for number, (name, _, _) in enumerate(blocks)}
    for name, table, block in blocks:
        whereabouts = Whereabouts.of(table.select(), block, data.spaces[name])
        write_tensors(folder / places[name], {"mean": whereabouts.mean, "whitener": whereabouts.whitener})
    index = []
    for number, item in enumerate(trained):
        route = item.route
        tensors = dict(route.model.state)
        sources = []
        for place, (role, inner) in enumerate(zip(route.features, item.spaces, strict=True)):
            name = data.strong_name if role == "strong" else str(route.weak)
            space = data.spaces[name].then(inner)
            tensors[f"{place}.centre"] = space.mean
            if space.basis is not None:
                tensors[f"{place}.basis"] = space.basis
            mixing = data.given.get(name) if role == "weak" else None
            if mixing is not None:
                tensors[f"{place}.mixing"] = mixing
            identity = as_plain(data.identities[name])
            sources.append({"role": role, "name": name, "identity": identity, "whereabouts": places[name]})
        file = f"models/{number:02d}-{route.kind.replace(' ', '-')}.safetensors"
        write_tensors(folder / file, tensors)
        index.append(
            {
                "name": route.name,
                "kind": route.kind,
                "weak": route.weak,
                "file": file,
                "task": data.task,
                "classes": as_plain(list(data.classes)),
                "settings": route.settings,
                "sources": sources,
            }
        )
    write_json(folder / "models" / "models.json", index)


class _Entry(BaseModel):
    """What is read back may hold more than is used here, but nothing of another type."""

    model_config = ConfigDict(strict=True)


class _Identity(_Entry):
    sha256: str
    encoder: str | None = None
    columns: list[str] = []


class _SourceEntry(_Entry):
    role: Literal["weak", "strong"]
    name: str
    identity: _Identity
    whereabouts: str


class _ModelEntry(_Entry):
    name: str
    kind: str
    file: str
    task: Literal["regression", "classification"]
    classes: list[str | int | float | bool]
    sources: Annotated[list[_SourceEntry], Field(min_length=1)]


def load(folder: str | Path) -> LoadedRun:
    """Read a run back; nothing in it is executed.

    Parameters
    ----------
    folder : str or Path
        The run.

    Returns
    -------
    LoadedRun
        Findings and models.
    """
    path = open_folder(folder)
    models: dict[str, SavedModel] = {}
    known: dict[str, Whereabouts] = {}
    for entry in read_models(path):
        tensors = read_tensors(path, entry.file)
        with read_back(path / entry.file):
            sources = []
            for place, source in enumerate(entry.sources):
                centre, basis = tensors[f"{place}.centre"], tensors.get(f"{place}.basis")
                d = len(centre)
                if source.whereabouts not in known:
                    known[source.whereabouts] = _whereabouts(path, source.whereabouts)
                _shaped("mean", known[source.whereabouts].mean, d)
                _shaped(f"{place}.centre", centre, d)
                if basis is not None:
                    _shaped(f"{place}.basis", basis, d, basis.shape[-1])
                mixing = tensors.get(f"{place}.mixing")
                if mixing is not None:
                    _shaped(f"{place}.mixing", mixing, len(mixing), d)
                sources.append(
                    Source(
                        source.role,
                        source.name,
                        source.identity.encoder,
                        known[source.whereabouts],
                        RowSpace(centre, basis),
                        tuple(source.identity.columns),
                        mixing,
                    )
                )
            outputs = len(entry.classes) if entry.task == "classification" else 1
            reads = sum(one.space.rank for one in sources)
            head = LinearModel(
                _shaped("coef", tensors["coef"], reads, outputs),
                _shaped("intercept", tensors["intercept"], outputs),
            )
        models[entry.name] = SavedModel(
            entry.name, entry.kind, entry.task, tuple(entry.classes), tuple(sources), head
        )
    return LoadedRun(path, read_json(path, "run.json", dict[str, Any]), models)


def read_models(folder: Path) -> list[_ModelEntry]:
    """Read the index of a run's models."""
    entries: list[_ModelEntry] = read_json(folder, "models/models.json", list[_ModelEntry])
    return entries


def _whereabouts(folder: Path, file: str) -> Whereabouts:
    tensors = read_tensors(folder, file)
    mean, whitener = tensors["mean"], tensors["whitener"]
    # Of rows fewer than columns, the whitener has as many directions as there were rows.
    return Whereabouts(
        _shaped("mean", mean, len(mean)), _shaped("whitener", whitener, len(mean), whitener.shape[-1])
    )


def _shaped(name: str, values: np.ndarray, *shape: int) -> np.ndarray:
    if values.shape != shape or 0 in shape:
        raise ValueError(f"{name!r} has the shape {values.shape}, not {shape}")
    return values


def check_inputs(folder: Path, data: Prepared) -> None:
    """Refuse to compare a run with one on other features or labels."""
    if not (folder / INPUTS).is_file():
        return  # made before inputs were written down
    before: dict[str, str] = read_json(folder, INPUTS, dict[str, str])
    now = input_digests(data)
    other = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if other:
        raise DataError(
            f"{', '.join(other)}: no longer what the run was made of (another sha256)",
            str(folder),
            "Put the files of the run back, or run again.",
        )


def input_digests(data: Prepared) -> dict[str, str]:
    """Digest what a study was made of: each feature set, and the labels with the split."""
    rows = hashlib.sha256(data.y.tobytes())
    for part in (data.split.labelled, data.split.unlabelled, data.split.test):
        rows.update(part.tobytes())
    features = {f"features {name!r}": one.sha256 for name, one in data.identities.items()}
    return features | {"labels": rows.hexdigest()}
