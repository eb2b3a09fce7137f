"""Texts to features with any sentence-transformers or transformers model, several layers in one pass.

Texts are tokenised once a stretch and run in batches of one token budget (`text_batches`); hidden layers are
pooled as they come (`hidden_layers`, `pooling`), the last one then goes the way that the model's folder
prescribes (`sentence_pipeline`). Nothing of a model is trusted: weights come from safetensors or torch's
weights-only loader, code only where it was allowed by name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from outgrow.errors import ConfigError, FileError, OutgrowError, read_back
from outgrow.features.hidden_layers import HiddenLayers
from outgrow.features.hub_files import ModelFiles, check_weights, find_model, need
from outgrow.features.packed_linear import pack_linears
from outgrow.features.pooling import pool
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad
from outgrow.features.sentence_pipeline import Pipeline, read_pipeline
from outgrow.features.text_batches import (
    Budget,
    halving,
    mask_of,
    padded,
    readable_texts,
    token_batches,
)

BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens in a batch by device. On processors 512 to 2,048 are alike for MiniLM-L6 and 4,096 is slower
(docs/speed.md); accelerators want enough work for each of their kernels (a guess: none was at hand)."""

LONGEST = 512
"""Tokens after which texts are cut where neither tokenizer nor model states a limit (T5 and its kin): what
such models were trained on; attention over longer texts costs their square."""

_log = logging.getLogger(__name__)


def text_encoder(
    model: str,
    layers: Sequence[int | None] | None = None,
    *,
    pooling: str = "auto",
    max_length: int | None = None,
    dtype: str = "float32",
    device: str = "auto",
    batch_tokens: int | None = None,
    trust_remote_code: bool = False,
) -> TextEncoder:
    """Load a text model."""
    need("text", "torch", "transformers")
    place = _device(device)
    files = find_model(model, owner="sentence-transformers", code=trust_remote_code)
    pipeline = read_pipeline(files.folder, place)
    network, tokenizer = _load(pipeline.folder, dtype, trust_remote_code, model)
    depth = int(network.config.num_hidden_layers)
    asked = tuple(_layer(layer, depth, model) for layer in (layers or (None,)))
    return TextEncoder(
        files,
        pipeline,
        network.to(place),
        tokenizer,
        asked,
        pooling=pipeline.pooling if pooling == "auto" else pooling,
        max_length=_max_length(max_length, pipeline, tokenizer, network.config),
        batch_tokens=batch_tokens or BATCH_TOKENS.get(place.partition(":")[0], BATCH_TOKENS["cuda"]),
    )


class TextEncoder:
    """A loaded text model; `text_encoder` makes one."""

    input = "text"

    def __init__(
        self,
        files: ModelFiles,
        pipeline: Pipeline,
        network: Any,
        tokenizer: Any,
        layers: tuple[int | None, ...],
        *,
        pooling: str,
        max_length: int,
        batch_tokens: int,
    ) -> None:
        self._pipeline, self._tokenizer = pipeline, tokenizer
        self._pooling, self._max_length, self._budget = pooling, max_length, Budget(batch_tokens)
        self._layers = layers
        self._device = next(network.parameters()).device
        precision = str(next(network.parameters()).dtype).removeprefix("torch.")
        network.eval()
        pack_linears(network)
        depth = int(network.config.num_hidden_layers)
        self._network: HiddenLayers | None = HiddenLayers(
            network, depth, [depth if layer is None else layer for layer in layers]
        )
        self._depth = depth
        widths = self._warm_up()
        self.identities = tuple(
            EncoderIdentity(
                name=files.name if layer is None else f"{files.name}@{layer}",
                kind="transformers",
                revision=files.revision,
                layer="last" if layer is None else str(layer),
                width=width,
                pooling=pooling,
                transform=self._transform(layer),
                dtype=precision,
                licence=files.licence,
            )
            for layer, width in zip(layers, widths, strict=True)
        )

    def _transform(self, layer: int | None) -> str:
        # A tokenizer's vocabulary and rules are its files; those are hashed with the revision.
        said = [f"at most {self._max_length} tokens", f"pairs by text_pair ({self._tokenizer.sep_token})"]
        if self._pipeline.lower:
            said.append("lower case")
        if self._pipeline.prompt:
            said.append(f"prompt {self._pipeline.prompt!r}")
        said.append(f"tokenizer {type(self._tokenizer).__name__} {_tokenizer_digest(self._tokenizer)}")
        return "; ".join([*said, *(self._pipeline.says if layer is None else ())])

    def _warm_up(self) -> list[int]:
        import torch

        rows = self._tokenise(["two words", "one"], None)
        with torch.inference_mode():
            assert self._network is not None
            self._network.check(**self._inputs(rows, np.array([0, 1])))
        return [matrix.shape[1] for matrix in self._run(rows, np.array([0, 1]))]

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode a stretch of texts."""
        import torch

        positions, texts, seconds = readable_texts(items, on_bad)
        if not texts:
            return
        rows = self._tokenise(texts, seconds)
        lengths = np.array([len(row) for row in rows["input_ids"]])
        for row in np.flatnonzero(lengths == 0):
            on_bad(positions[row], "the tokenizer makes no token of it")
        known = np.array(positions)
        some = np.flatnonzero(lengths)
        for batch in token_batches(lengths[some], self._budget):
            run = halving(
                some[batch], lambda part: self._run(rows, part), torch.OutOfMemoryError, self._halve
            )
            for part, features in run:
                yield known[part], features

    def _tokenise(self, texts: list[str], seconds: list[str] | None) -> dict[str, list[list[int]]]:
        prompt, lower = self._pipeline.prompt, self._pipeline.lower
        if prompt:
            texts = [prompt + text for text in texts]
        if lower:
            texts = [text.lower() for text in texts]
            seconds = None if seconds is None else [text.lower() for text in seconds]
        with read_back(f"{self._pipeline.folder}: its tokenizer", "Fetch the model again."):
            found = self._tokenizer(
                texts,
                seconds,
                padding=False,
                truncation="longest_first",
                max_length=self._max_length,
                return_attention_mask=False,
            )
        return {key: found[key] for key in ("input_ids", "token_type_ids") if key in found}

    def _inputs(self, rows: dict[str, list[list[int]]], part: Int[np.ndarray, " b"]) -> dict[str, Any]:
        import torch

        fills = {"input_ids": self._tokenizer.pad_token_id or 0, "token_type_ids": 0}
        arrays = {key: padded([values[row] for row in part], fills[key]) for key, values in rows.items()}
        arrays["attention_mask"] = mask_of(np.array([len(rows["input_ids"][row]) for row in part]))
        tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
        if self._device.type == "cuda":
            return {
                key: tensor.pin_memory().to(self._device, non_blocking=True)
                for key, tensor in tensors.items()
            }
        return {key: tensor.to(self._device) for key, tensor in tensors.items()}

    def _run(self, rows: dict[str, list[list[int]]], part: Int[np.ndarray, " b"]) -> tuple[np.ndarray, ...]:
        import torch

        if self._network is None:
            raise OutgrowError("the encoder was closed", self.identities[0].name, "Load it again.")
        with torch.inference_mode():
            inputs = self._inputs(rows, part)
            states = self._network(**inputs)
            found = []
            for layer in self._layers:
                # From here on in float32, whatever the model computes in: one rounding less, at no cost.
                tokens = states[self._depth if layer is None else layer].float()
                vectors = pool(tokens, inputs["attention_mask"], self._pooling)
                for step in self._pipeline.steps if layer is None else ():
                    vectors = step(vectors)
                found.append(vectors.cpu().numpy())
        return tuple(found)

    def _halve(self, rows: int) -> None:
        import torch

        if rows == 1:
            raise OutgrowError(
                "a single row does not fit into the device's memory",
                self.identities[0].name,
                "Cut texts earlier (--max-length), or use --device cpu.",
            )
        self._budget.tokens = max(self._budget.tokens // 2, 1)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _log.warning(
            "out of memory with %d rows: going on with batches of %d tokens", rows, self._budget.tokens
        )

    @property
    def layers(self) -> int:
        """Hidden layers that could be asked for, beside the embeddings."""
        return self._depth

    def close(self) -> None:
        """Give back the model's memory; may be called twice."""
        self._network = None


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"the device {device!r} cannot be used ({str(error).splitlines()[0]})",
            "--device",
            "Use cpu, or a torch built for the device.",
        ) from error
    return device


def _layer(layer: int | None, depth: int, model: str) -> int | None:
    if layer is None:
        return None
    if not -depth - 1 <= layer <= depth:
        raise ConfigError(
            f"there is no layer {layer}", model, f"Its layers are 0 (embeddings) to {depth} (last)."
        )
    return layer if layer >= 0 else depth + 1 + layer


def _max_length(asked: int | None, pipeline: Pipeline, tokenizer: Any, config: Any) -> int:
    # Tokenizers without a limit state one of 1e30.
    limits = [tokenizer.model_max_length, getattr(config, "max_position_embeddings", None)]
    known = [limit for limit in limits if limit is not None and 0 < limit < 1_000_000]
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer"):
        # Their positions begin after that of padding: of 514 places two are never used.
        known = [min(limit, config.max_position_embeddings - config.pad_token_id - 1) for limit in known]
    most = min(known, default=None)
    if asked is None:
        return pipeline.max_length or most or LONGEST
    if asked < 1 or (most is not None and asked > most):
        raise ConfigError(f"cannot cut texts at {asked} tokens", "--max-length", f"Use 1 to {most}.")
    return asked


def _tokenizer_digest(tokenizer: Any) -> str:
    import hashlib

    if getattr(tokenizer, "is_fast", False):
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
        said = tokenizer.backend_tokenizer.to_str()
    else:
        said = repr(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@contextmanager
def _quiet() -> Iterator[None]:
    # transformers draws a bar and prints a table while it loads; what in it matters is checked by _load.
    from transformers.utils import logging as theirs

    level, bar = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        if bar:
            theirs.enable_progress_bar()


def _load(folder: Path, dtype: str, trust_remote_code: bool, model: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    if dtype not in ("float32", "bfloat16", "float16", "auto"):
        raise ConfigError(f"unknown precision {dtype!r}", remedy="Use float32, bfloat16, float16 or auto.")
    check_weights(folder)
    precision = dtype if dtype == "auto" else getattr(torch, dtype)
    place = {"trust_remote_code": trust_remote_code, "local_files_only": True}
    try:
        with _quiet():
            config = AutoConfig.from_pretrained(folder, **place)
            tokenizer = AutoTokenizer.from_pretrained(folder, **place)
            network, info = AutoModel.from_pretrained(
                folder, config=config, dtype=precision, output_loading_info=True, weights_only=True, **place
            )
    except Exception as error:  # every loader underneath has errors of its own, none with a common parent
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "trust_remote_code" in str(error):
            raise ConfigError(
                "the model brings Python code of its own, which was not allowed to run",
                model,
                "Read that code; if you trust it, name the model with --allow-code.",
            ) from error
        raise FileError(
            f"the model cannot be loaded ({line[:160].rstrip('.')})", str(folder), "Fetch the model again."
        ) from error
    # What a file lacks transformers fills with random numbers; only the pooler, which is never used, may be.
    lacking = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    lacking += sorted(str(key) for key in info.get("mismatched_keys", ()))
    if lacking:
        raise FileError(
            f"the weights lack {len(lacking)} of the model's arrays, {lacking[0]} first",
            str(folder),
            "Fetch the model again.",
        )
    return network.get_encoder() if config.is_encoder_decoder else network, tokenizer
