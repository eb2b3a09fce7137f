"""Texts to features with any sentence-transformers or transformers model, several layers in one pass.

Texts are tokenised once a stretch and run in batches of one token budget (`text_batches`); hidden layers are
pooled as they come (`hidden_layers`, `pooling`), the last one then goes the way that the model's folder
prescribes (`sentence_pipeline`). Nothing of a model is trusted: weights come from safetensors or torch's
weights-only loader, code only where it was allowed by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.data.files import first_line
from outgrow.errors import ConfigError, FileError, read_back
from outgrow.features.extras import device_of, need
from outgrow.features.hidden_layers import HiddenLayers
from outgrow.features.hub_files import check_weights, find_model
from outgrow.features.packed_linear import pack_linears
from outgrow.features.pooling import pool
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.sentence_pipeline import Pipeline, read_pipeline
from outgrow.features.text_batches import (
    LONGEST,
    Inputs,
    TokenEncoder,
    Tokens,
    stated_limit,
    tokenizer_digest,
)

BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens in a batch by device. On processors 512 to 2,048 are alike for MiniLM-L6 and 4,096 is slower
(docs/speed.md); accelerators want enough work for each of their kernels (a guess: none was at hand)."""


class TextEncoder(TokenEncoder):
    """A text model with some of its layers."""

    layers: int
    """Hidden layers that could be asked for, beside the embeddings."""

    def __init__(
        self,
        model: str,
        layers: Sequence[int | None] = (None,),
        *,
        pooling: str = "auto",
        max_length: int | None = None,
        dtype: str = "float32",
        device: str = "auto",
        batch_tokens: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        need("text", "torch", "transformers")
        import torch

        self._device = device_of(device)
        files = find_model(model, owner="sentence-transformers", code=trust_remote_code)
        self._pipeline = read_pipeline(files.folder, self._device)
        network, self._tokenizer = _load(self._pipeline.folder, dtype, trust_remote_code, model)
        kind = self._device.partition(":")[0]
        super().__init__(
            batch_tokens or BATCH_TOKENS.get(kind, BATCH_TOKENS["cuda"]),
            self._tokenizer.pad_token_id or 0,
            torch.OutOfMemoryError,
        )
        self.layers = int(network.config.num_hidden_layers)
        self._wanted = tuple(_layer(layer, self.layers, model) for layer in layers)
        self._pooling = self._pipeline.pooling if pooling == "auto" else pooling
        self._max_length = _max_length(max_length, self._pipeline, self._tokenizer, network.config)
        precision = str(next(network.parameters()).dtype).removeprefix("torch.")
        pack_linears(network.to(self._device).eval())
        self.network = HiddenLayers(network, self.layers, map(self._depth, self._wanted))
        self.identities = tuple(
            EncoderIdentity(
                name=files.name if layer is None else f"{files.name}@{layer}",
                kind="transformers",
                revision=files.revision,
                layer="last" if layer is None else str(layer),
                width=width,
                pooling=self._pooling,
                transform=self._transform(layer),
                dtype=precision,
                licence=files.licence,
            )
            for layer, width in zip(self._wanted, self._widths(), strict=True)
        )

    def _depth(self, layer: int | None) -> int:
        return self.layers if layer is None else layer

    def _transform(self, layer: int | None) -> str:
        # A tokenizer's vocabulary and rules are its files; those are hashed with the revision.
        words = [f"at most {self._max_length} tokens", f"pairs by text_pair ({self._tokenizer.sep_token})"]
        if self._pipeline.lower:
            words.append("lower case")
        if self._pipeline.prompt:
            words.append(f"prompt {self._pipeline.prompt!r}")
        words.append(
            f"tokenizer {type(self._tokenizer).__name__} {tokenizer_digest(_rules(self._tokenizer))}"
        )
        if layer is None:
            words += [done for done, _ in self._pipeline.steps]
        return "; ".join(words)

    def _widths(self) -> list[int]:
        import torch

        tokens = self.tokenise(["two words", "one"], None)
        with torch.inference_mode():
            self.network.check(**self._moved(self.padded_inputs(tokens, np.array([0, 1]))))
        return [matrix.shape[1] for matrix in self.features(tokens, np.array([0, 1]))]

    def tokenise(self, texts: list[str], seconds: list[str] | None) -> Tokens:
        """Make tokens of texts, or of pairs of texts, as the model's folder wants them."""
        if self._pipeline.prompt:
            texts = [self._pipeline.prompt + text for text in texts]
        if self._pipeline.lower:
            texts = [text.lower() for text in texts]
            seconds = None if seconds is None else [text.lower() for text in seconds]
        with read_back(f"{self._pipeline.folder}: its tokenizer", "Fetch the model again."):
            tokens = self._tokenizer(
                texts,
                seconds,
                padding=False,
                truncation="longest_first",
                max_length=self._max_length,
                return_attention_mask=False,
            )
        return {key: tokens[key] for key in ("input_ids", "token_type_ids") if key in tokens}

    def _moved(self, inputs: Inputs) -> dict[str, Any]:
        import torch

        tensors = {key: torch.from_numpy(array) for key, array in inputs.items()}
        if self._device.startswith("cuda"):
            # From pinned memory the accelerator reads by itself, while this process goes on.
            tensors = {key: tensor.pin_memory() for key, tensor in tensors.items()}
        return {key: tensor.to(self._device, non_blocking=True) for key, tensor in tensors.items()}

    def run(self, inputs: Inputs) -> tuple[np.ndarray, ...]:
        """Make features of padded tokens, one matrix per layer."""
        import torch

        with torch.inference_mode():
            tensors = self._moved(inputs)
            states = self.network(**tensors)
            matrices = []
            for layer in self._wanted:
                # From here on in float32, whatever the model computes in: one rounding less, at no cost.
                tokens = states[self._depth(layer)].float()
                vectors = pool(tokens, tensors["attention_mask"], self._pooling)
                for _, step in self._pipeline.steps if layer is None else ():
                    vectors = step(vectors)
                matrices.append(vectors.cpu().numpy())
        return tuple(matrices)


def _layer(layer: int | None, depth: int, model: str) -> int | None:
    if layer is None:
        return None
    if not -depth - 1 <= layer <= depth:
        raise ConfigError(
            f"there is no layer {layer}", model, f"Its layers are 0 (embeddings) to {depth} (last)."
        )
    return layer if layer >= 0 else depth + 1 + layer


def _max_length(asked: int | None, pipeline: Pipeline, tokenizer: Any, config: Any) -> int:
    places = getattr(config, "max_position_embeddings", None)
    most = stated_limit(tokenizer.model_max_length, places)
    if most is not None and config.model_type in (
        "roberta",
        "xlm-roberta",
        "camembert",
        "mpnet",
        "longformer",
    ):
        # Their positions begin after that of padding: of 514 places two are never used.
        most = min(most, places - config.pad_token_id - 1)
    if asked is None:
        return pipeline.max_length or most or LONGEST
    if asked < 1 or (most is not None and asked > most):
        raise ConfigError(f"cannot cut texts at {asked} tokens", "--max-length", f"Use 1 to {most}.")
    return asked


def _rules(tokenizer: Any) -> str:
    if not getattr(tokenizer, "is_fast", False):
        return repr(sorted(tokenizer.get_vocab().items()))
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    return str(tokenizer.backend_tokenizer.to_str())


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
        if "trust_remote_code" in str(error):
            raise ConfigError(
                "the model brings Python code of its own, which was not allowed to run",
                model,
                "Read that code; if you trust it, name the model with --allow-code.",
            ) from error
        raise FileError(
            f"the model cannot be loaded ({first_line(error)})", str(folder), "Fetch the model again."
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
