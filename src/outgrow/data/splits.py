"""Splits, folds and jackknife groups that depend on ids and the seed, never on the order of rows.

Every id (or group) gets a pseudo-random rank, a keyed hash of its name and the seed; parts are filled by
rank. So a file in another order gives the same split, added rows leave most of a split as it was, and the
labelled rows of a small n are among those of a larger one.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from outgrow.data.files import quoted, repeated, row_name, row_numbers
from outgrow.errors import DataError
from outgrow.intervals.jackknife import GROUPS, whole_folds

PARTS = {
    "labelled": "labelled",
    "labeled": "labelled",
    "unlabelled": "pool",
    "unlabeled": "pool",
    "pool": "pool",
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    **dict.fromkeys(("validation", "valid", "val", "dev"), "aside"),
}
"""What a split column may say: "labelled" and "train" rows may be drawn as labelled, "pool" rows never;
rows for validation are neither trained nor tested on, since penalties are chosen by leave-one-out."""


@dataclass(frozen=True)
class Split:
    """Which rows are labelled, unlabelled and for the test; three disjoint, increasing index arrays."""

    labelled: Int[np.ndarray, " n"]
    """Rows whose labels models may see."""
    unlabelled: Int[np.ndarray, " N"]
    """The pool; the labels of some may be known, and are used by the ceiling only."""
    test: Int[np.ndarray, " t"]
    """Rows kept to report on."""


def draw_split(
    has_label: np.ndarray,
    *,
    ids: np.ndarray | None = None,
    n: int | None = None,
    n_unlabelled: int | None = None,
    test: float = 0,
    groups: np.ndarray | None = None,
    split: np.ndarray | None = None,
    seed: int = 0,
) -> Split:
    """Draw test rows (by group), then labelled rows; all others form the pool.

    Rows of a test group whose label is not known are in no part, since they can neither be tested on nor,
    standing beside test rows, be trained on.
    """
    known = np.asarray(has_label, dtype=bool)
    names = row_numbers(len(known)) if ids is None else np.asarray(ids)
    if len(set(names.tolist())) < len(names):
        raise DataError(
            f"the same id may stand in train and test: {quoted(repeated(names))}",
            "split",
            "Each id may stand once only.",
        )
    units = units_of(names, groups)
    part = _parts(split, names, len(known))
    in_test = part == "test"
    if in_test.any():
        if test:
            raise DataError(
                "test rows are asked for, but the split column names them already",
                "split",
                "Leave out --test, or the column: --split-column none.",
            )
        _whole(units, in_test)
        _labelled_here(in_test, known, names, "test")
    _labelled_here(part == "labelled", known, names, "labelled")
    candidates = known & np.isin(part, ("labelled", "train"))
    wanted = _count(test, int(candidates.sum()))
    near_test = in_test.copy()
    if wanted:
        near_test = _draw_test(units, candidates, wanted, seed)
        in_test = near_test & candidates
    candidates &= ~near_test
    available = np.flatnonzero(candidates)
    if not len(available):
        raise DataError(
            f"no labelled row is left to train on ({int(known.sum())} have a label,"
            f" {int(in_test.sum())} are for the test)",
            "split",
            ("Groups are taken whole. " if groups is not None else "")
            + "Ask for a smaller test, give more labels, or name labelled rows in the split column.",
        )
    n = len(available) if n is None else n
    if not 1 <= n <= len(available):
        raise DataError(
            f"{n} labelled rows are asked for, {len(available)} with a label are left"
            f" ({int(known.sum())} in all, {int(in_test.sum())} for the test)",
            "split",
            "Ask for fewer." if n > 0 else "Ask for at least one.",
        )
    rank = _rank(names, seed, "labelled")
    labelled = np.sort(available[np.argsort(rank[available], kind="stable")[:n]])
    rest = ~near_test & (part != "aside")
    rest[labelled] = False
    pool = np.flatnonzero(rest)
    if n_unlabelled is not None:
        if not 0 <= n_unlabelled <= len(pool):
            raise DataError(
                f"{n_unlabelled} unlabelled rows are asked for, {len(pool)} are left"
                f" ({len(known)} rows in all, {n} labelled, {len(known) - n - len(pool)} held out)",
                "split",
                "Ask for fewer.",
            )
        rank = _rank(names, seed, "unlabelled")
        pool = np.sort(pool[np.argsort(rank[pool], kind="stable")[:n_unlabelled]])
    return Split(labelled, pool, np.flatnonzero(in_test))


def folds(units: np.ndarray, k: int = 5, seed: int = 0) -> Int[np.ndarray, " n"]:
    """Assign rows to k folds of nearly equal size, rows of one unit together."""
    distinct, member = _distinct(np.asarray(units))
    if not 2 <= k <= len(distinct):
        raise DataError(
            f"{k} folds are asked for, {len(distinct)} ids or groups are there",
            "folds",
            "Ask for 2 folds at least, and for no more than there are groups.",
        )
    place = np.empty(len(distinct), dtype=np.int64)
    place[np.argsort(_rank(distinct, seed, "folds"), kind="stable")] = np.arange(len(distinct))
    return whole_folds(place[member], k)


def jackknife_groups(
    ids: np.ndarray, groups: np.ndarray | None = None, k: int = GROUPS, seed: int = 0
) -> Int[np.ndarray, " n"]:
    """Assign rows to the groups that a delete-a-group jackknife leaves out (docs/theory.md, T8)."""
    units = units_of(np.asarray(ids), groups)
    return folds(units, min(k, max(2, len(set(units.tolist())))), seed)


def units_of(ids: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Name the unit each row belongs to: its group, or itself where it has none."""
    if groups is None:
        return ids
    return np.array(
        [f"row {i}" if g is None else f"group {g}" for i, g in zip(ids, groups, strict=True)], dtype=object
    )


def _distinct(units: np.ndarray) -> tuple[np.ndarray, Int[np.ndarray, " n"]]:
    """Sort the distinct names, and give each row the position of its own."""
    # Objects, since one long id would widen every entry of a fixed-width string array.
    return np.unique(np.array([str(unit) for unit in units], dtype=object), return_inverse=True)


def _rank(names: np.ndarray, seed: int, purpose: str) -> Int[np.ndarray, " n"]:
    """Give each name a pseudo-random 63-bit number, the same in every process and every order."""
    key = f"{purpose}:{seed}".encode()
    return np.array(
        [
            int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=8, key=key).digest(), "big") >> 1
            for name in names
        ],
        dtype=np.int64,
    )


def _parts(split: np.ndarray | None, ids: np.ndarray, rows: int) -> np.ndarray:
    if split is None:
        return np.full(rows, "train", dtype=object)
    parts = np.empty(rows, dtype=object)
    for i, given in enumerate(split):
        name = "" if given is None else str(given).strip().lower()
        if name and name not in PARTS:
            raise DataError(
                f"unknown part {quoted([given])} in {row_name(ids, i)}",
                "split",
                f"Use {', '.join(PARTS)}, or nothing where it is open; --split-column none draws all parts.",
            )
        parts[i] = PARTS[name] if name else ""
    named = bool(np.isin(parts, ("labelled", "train")).any())
    parts[parts == ""] = "pool" if named else "train"
    return parts


def _whole(units: np.ndarray, in_test: np.ndarray) -> None:
    both = set(units[in_test].tolist()) & set(units[~in_test].tolist())
    if both:
        names = sorted(name.removeprefix("group ") for name in both)
        raise DataError(
            f"groups have rows in the test and outside it: {quoted(names)}",
            "split",
            "Keep each group on one side, or name no group column.",
        )


def _labelled_here(rows: np.ndarray, known: np.ndarray, ids: np.ndarray, part: str) -> None:
    bare = np.flatnonzero(rows & ~known)
    if bare.size:
        raise DataError(
            f"{bare.size} {part} rows have no label: {quoted(ids[bare])}",
            "split",
            "Give their labels, or move them to the pool.",
        )


def _count(test: float, available: int) -> int:
    if not math.isfinite(test) or test < 0 or (test > 1 and test != int(test)):
        raise DataError(f"test is {test}", "split", "Give a count of rows, or a fraction below 1.")
    wanted = math.ceil(test * available - 1e-9) if test < 1 else int(test)  # .3 * 10 is above 3
    if wanted >= available and wanted:
        raise DataError(
            f"{wanted} test rows are asked for, {available} rows with a label are there",
            "split",
            "Leave at least one labelled row to train on.",
        )
    return wanted


def _draw_test(units: np.ndarray, candidates: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Take units by rank until enough candidates are in."""
    distinct, member = _distinct(units)
    size = np.bincount(member, weights=candidates, minlength=len(distinct)).astype(np.int64)
    order = np.argsort(_rank(distinct, seed, "test"), kind="stable")
    order = order[size[order] > 0]
    taken = order[: int(np.searchsorted(np.cumsum(size[order]), wanted)) + 1]
    return np.isin(member, taken)
