"""Batches of texts by what they cost: padded tokens, not rows.

A stretch is tokenised once and sorted by length; a batch ends when one more row would exceed the budget of
tokens, or where the length changes and the batch is half full already, so that most batches hold rows of one
length and no padding. Features are the same for a row in any batch, up to rounding.
"""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int

from outgrow.errors import DataError, OutgrowError
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad

HALF_FULL = 0.5
"""Share of the budget from which a batch ends where lengths change. On 400 movie reviews with a budget of
1,024 tokens 4.8 % of all places are padding at this share, and less on longer stretches; smaller batches cost
more in calls than padding does."""

LONGEST = 512
"""Tokens after which texts are cut where no file states a limit: that of BERT and its kin, and what T5 and
its kin were trained on; attention over longer texts costs their square."""

UNLIMITED = 1_000_000
"""From here on a stated limit is none: tokenizers without one state 1e30."""

Tokens = dict[str, list[list[int]]]
"""Rows of tokens, by what a model calls them; "input_ids" always."""

Inputs = dict[str, Int[np.ndarray, "b t"]]
"""Tokens of a batch, padded, and their mask: "attention_mask"."""

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


@dataclass
class Budget:
    """What a batch may cost; lowered where memory ran out, for all batches that follow."""

    size: int
    """Most tokens in a batch, padding included, or most pictures; a row that is larger is a batch alone."""
    unit: str = "tokens"


class TokenEncoder(ABC):
    """A model of tokens: whoever runs it says how texts become tokens, and padded tokens features."""

    input = "text"
    identities: tuple[EncoderIdentity, ...]
    network: Any
    """What runs; None once closed."""

    def __init__(self, batch_tokens: int, padding: int, too_large: type[BaseException]) -> None:
        self._budget, self._padding, self._too_large = Budget(batch_tokens), padding, too_large

    @abstractmethod
    def tokenise(self, texts: list[str], seconds: list[str] | None) -> Tokens:
        """Make tokens of texts, or of pairs of texts."""

    @abstractmethod
    def run(self, inputs: Inputs) -> tuple[np.ndarray, ...]:
        """Make features of padded tokens and their mask, one matrix per identity."""

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode a stretch of texts."""
        positions, texts, seconds = readable_texts(items, on_bad)
        if not texts:
            return
        if self.network is None:
            raise closed(self.identities[0].name)
        tokens = self.tokenise(texts, seconds)
        lengths = np.array([len(row) for row in tokens["input_ids"]])
        for row in np.flatnonzero(lengths == 0):
            on_bad(positions[row], "the tokenizer makes no token of it")
        known, some = np.array(positions), np.flatnonzero(lengths)
        name = self.identities[0].name
        for batch in token_batches(lengths[some], self._budget):
            parts = halving(
                [some[batch]], partial(self.features, tokens), self._too_large, self._budget, name
            )
            for part, features in parts:
                for matrix, identity in zip(features, self.identities, strict=True):
                    if matrix.shape != (len(part), identity.width):
                        raise DataError(
                            f"gave features of shape {matrix.shape} for {len(part)} rows of width"
                            f" {identity.width}",
                            identity.name,
                            "Name a model that gives every text, or token, a vector of one width.",
                        )
                yield known[part], features

    def features(self, tokens: Tokens, part: Int[np.ndarray, " b"]) -> tuple[np.ndarray, ...]:
        """Run some rows of tokens as one batch."""
        return self.run(self.padded_inputs(tokens, part))

    def padded_inputs(self, tokens: Tokens, part: Int[np.ndarray, " b"]) -> Inputs:
        """Lay some rows of tokens side by side, with their mask."""
        fills = {"input_ids": self._padding}
        inputs = {key: padded([rows[row] for row in part], fills.get(key, 0)) for key, rows in tokens.items()}
        inputs["attention_mask"] = mask_of(np.array([len(tokens["input_ids"][row]) for row in part]))
        return inputs

    def close(self) -> None:
        """Give back the model's memory; may be called twice."""
        self.network = None


def closed(name: str) -> OutgrowError:
    """Say that an encoder was closed."""
    return OutgrowError("the encoder was closed", name, "Load it again.")


def stated_limit(*limits: int | None) -> int | None:
    """Give the least of what files state as the most tokens of a text."""
    return min((limit for limit in limits if limit is not None and 0 < limit < UNLIMITED), default=None)


def tokenizer_digest(rules: str | bytes) -> str:
    """Hash a tokenizer's rules, for an encoder's identity."""
    return hashlib.sha256(rules.encode() if isinstance(rules, str) else rules).hexdigest()[:16]


def token_batches(lengths: Int[np.ndarray, " n"], budget: Budget) -> Iterator[Int[np.ndarray, " b"]]:
    """Split rows into batches of similar length."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        width = max(int(lengths[order[start]]), 1)
        stop = min(start + max(budget.size // width, 1), len(order))
        # Rows of one length are neighbours: where the next length begins is found among them.
        same = start + int(np.count_nonzero(lengths[order[start:stop]] == lengths[order[start]]))
        if (same - start) * width >= HALF_FULL * budget.size:
            stop = same
        yield order[start:stop]
        start = stop


def readable_texts(items: Sequence[Any], on_bad: OnBad) -> tuple[list[int], list[str], list[str] | None]:
    """Keep the rows that are texts or pairs of texts.

    Returns rows kept; the rows, or the first of each pair; the second of each pair; None where rows are
    single texts.
    """
    positions: list[int] = []
    texts: list[str] = []
    seconds: list[str] = []
    pairs: bool | None = None
    for position, item in enumerate(items):
        pair = isinstance(item, (tuple, list)) and len(item) == 2
        parts = tuple(item) if pair else (item,)
        if not all(isinstance(part, str) for part in parts):
            on_bad(position, f"is {type(item).__name__}, not a text or a pair of texts")
        elif not all(_encodable(part) for part in parts):
            on_bad(position, "holds a lone surrogate: not valid Unicode")
        elif pairs is not None and pair != pairs:
            on_bad(position, "is a pair among single texts" if pair else "is a single text among pairs")
        else:
            pairs = pair
            positions.append(position)
            texts.append(parts[0])
            if pair:
                seconds.append(parts[1])
    return positions, texts, seconds if pairs else None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def padded(rows: Sequence[Sequence[int]], fill: int) -> Int[np.ndarray, "b t"]:
    """Lay rows of tokens side by side, padded on the right.

    On the right whatever the tokenizer prefers: places are counted from the left, so padding there would
    shift absolute positions, and a row's features would depend on the longest row of its batch.
    """
    out = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return out


def mask_of(lengths: Int[np.ndarray, " b"]) -> Int[np.ndarray, "b t"]:
    """Say which places hold tokens."""
    return (np.arange(lengths.max())[None, :] < lengths[:, None]).astype(np.int64)


def halving(
    batches: Sequence[Int[np.ndarray, " b"]],
    run: Callable[[Int[np.ndarray, " b"]], Result],
    too_large: type[BaseException],
    budget: Budget,
    name: str,
) -> Iterator[tuple[Int[np.ndarray, " b"], Result]]:
    """Run batches, in halves where one does not fit into memory; the budget is then halved for good."""
    waiting, failed = list(reversed(batches)), 0
    while waiting:
        part = waiting.pop()
        if not failed or len(part) < failed:
            try:
                result = run(part)
            except too_large:
                # Halved below: inside this clause the error still holds the memory of the failed batch.
                failed = len(part)
            else:
                yield part, result
                continue
            if failed == 1:
                raise OutgrowError(
                    "a single row does not fit into the device's memory",
                    name,
                    "Use --device cpu; texts can be cut earlier (--max-length).",
                )
            budget.size = max(budget.size // 2, 1)
            _log.warning(
                "%s: out of memory with %d rows: going on with batches of %d %s",
                name, failed, budget.size, budget.unit,
            )  # fmt: skip
        half = (len(part) + 1) // 2
        waiting += [part[half:], part[:half]]
