"""Texts to features with static embeddings (model2vec): the mean of fixed vectors of a text's tokens.

No network runs, so a row costs microseconds; a weak teacher that is nearly free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from outgrow.errors import DataError, read_back
from outgrow.features.extras import need
from outgrow.features.hub_files import find_model
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad
from outgrow.features.text_batches import closed, readable_texts, tokenizer_digest

BATCH_ROWS = 1024
"""Texts at a time, model2vec's own choice: enough for its tokenizer's threads, and few enough to show
progress."""


class StaticEncoder:
    """Static embeddings."""

    input = "text"

    def __init__(self, model: str) -> None:
        need("static", "model2vec")
        from model2vec import StaticModel

        files = find_model(model, owner="minishlab")
        with read_back(files.folder, "Fetch the model again."):
            self._model: Any = StaticModel.from_pretrained(files.folder)
        most = self._model.max_length
        length = "whole texts" if most is None else f"at most {most} tokens"
        unit = "; unit length" if self._model.normalize else ""
        self.identities = (
            EncoderIdentity(
                name=files.name,
                kind="static",
                revision=files.revision,
                layer="last",
                width=int(self._model.dim),
                pooling="mean",
                transform=f"{length}; tokenizer {tokenizer_digest(self._model.tokenizer.to_str())}{unit}",
                dtype=self._model.embedding_dtype,
                licence=files.licence,
            ),
        )

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode a stretch of texts."""
        name = self.identities[0].name
        if self._model is None:
            raise closed(name)
        positions, texts, seconds = readable_texts(items, on_bad)
        if seconds is not None:
            raise DataError(
                "static embeddings read single texts, not pairs",
                name,
                "Join the two columns into one, or use another model.",
            )
        for start in range(0, len(texts), BATCH_ROWS):
            with read_back(name, "Fetch the model again."):  # its tokenizer may be anything
                vectors = self._model.encode(texts[start : start + BATCH_ROWS], use_multiprocessing=False)
            yield np.array(positions[start : start + BATCH_ROWS]), (np.asarray(vectors, dtype=np.float32),)

    def close(self) -> None:
        """Give back the model's memory; may be called twice."""
        self._model = None
