"""SST-2 (Socher et al. 2013) by sentence: phrases cut from one sentence belong together.

The published rows are phrases of parsed sentences, and a sentence's phrases recur: of test rows drawn at
random (a fifth), 99 in 100 share their sentence with a training row. Each phrase is given the longest phrase
that contains it, as tokens in a row, as its group; a split or a jackknife by group then keeps them on one
side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from outgrow.data.raw import RawRows
from outgrow.data.raw_table import OnError
from outgrow.data.texts import read_texts


def read_sst2(
    source: str | Path,
    *,
    text_column: str = "sentence",
    label_column: str = "label",
    on_error: OnError = "fail",
) -> RawRows:
    """Read phrases with their sentences as groups."""
    rows = read_texts(source, text_column=text_column, label_column=label_column, on_error=on_error)
    return replace(rows, groups=sentence_groups(rows.items))


def sentence_groups(phrases: Sequence[str]) -> np.ndarray:
    """Find the longest phrase that contains each phrase as tokens in a row.

    Where several of equal length do, the first in alphabetical order is meant: the order of the rows does
    not matter. A short phrase of many sentences ("a film") goes to the longest of them; the other sentences
    keep nothing of it but words.
    """
    plain = [" ".join(phrase.split()) for phrase in phrases]
    known = set(plain)
    longest: dict[str, str] = {}
    # Longest first: whatever holds a phrase has been seen before it. A sentence has some 200 spans, of which
    # only those that are phrases are kept: 67,349 phrases take seconds, and memory of their own size.
    for phrase in sorted(known, key=lambda text: (-text.count(" "), text)):
        if phrase in longest:
            continue
        starts = [0, *(place + 1 for place, letter in enumerate(phrase) if letter == " ")]
        ends = [*(start - 1 for start in starts[1:]), len(phrase)]
        for first, start in enumerate(starts):
            for end in ends[first:]:
                span = phrase[start:end]
                if span in known:
                    longest.setdefault(span, phrase)
    groups = np.empty(len(plain), dtype=object)
    groups[:] = [longest[phrase] for phrase in plain]
    return groups
