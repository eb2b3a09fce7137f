"""Texts to features with an ONNX file and a tokenizer.json, without torch.

The output taken is the one per text where the file has it, else the tokens' vectors, pooled with regard to
the mask. Batches and padding are those of the other text models (`text_batches`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.data.files import damaged
from outgrow.errors import ConfigError, FileError, read_back
from outgrow.features.extras import need
from outgrow.features.hub_files import hash_files, licence_of
from outgrow.features.pooling import pool
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.sentence_pipeline import read_json
from outgrow.features.text_batches import (
    LONGEST,
    Inputs,
    TokenEncoder,
    Tokens,
    stated_limit,
    tokenizer_digest,
)

BATCH_TOKENS = 1024
"""Tokens in a batch: as for torch on a processor, whose caches are the same (docs/speed.md)."""

_FED = ("input_ids", "attention_mask", "token_type_ids")


class OnnxEncoder(TokenEncoder):
    """An ONNX text model."""

    def __init__(
        self,
        file: str,
        tokenizer: str | None = None,
        output: str | None = None,
        *,
        pooling: str = "mean",
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        need("onnx", "onnxruntime", "tokenizers")
        from tokenizers import Tokenizer

        super().__init__(batch_tokens, padding=0, too_large=MemoryError)
        path = self._path = Path(file).expanduser()
        if not path.is_file():
            raise FileError("no such file", str(path), "Give the path of an .onnx file.")
        rules = _tokenizer_file(path, tokenizer)
        self.network, self._pooling = _session(path), pooling
        self._inputs = [entry.name for entry in self.network.get_inputs()]
        if unknown := [name for name in self._inputs if name not in _FED]:
            raise ConfigError(
                f"the model wants {', '.join(unknown)}, which is not made here", str(path), f"Known: {_FED}."
            )
        self._output = _chosen_output(self.network, output, path)
        with read_back(rules, "Fetch it again."):
            self._tokenizer: Any = Tokenizer.from_file(str(rules))
            length = max_length or _stated_length(rules.parent, self._tokenizer) or LONGEST
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(length, strategy="longest_first")
        inputs = self.padded_inputs(self.tokenise(["two words", "one"], None), np.array([0, 1]))
        states = self._given(inputs)
        weights = [one for one in path.parent.glob(f"{path.name}*") if one.is_file()]  # some lie beside it
        self.identities = (
            EncoderIdentity(
                name=path.stem,
                kind="onnx",
                revision=hash_files(sorted(weights), path.parent),
                layer="last",
                width=states.shape[-1],
                pooling=pooling if states.ndim == 3 else "none",
                transform=f"at most {length} tokens; pairs by text_pair;"
                f" tokenizer {tokenizer_digest(rules.read_bytes())}; output {self._output}",
                licence=licence_of(path.parent),
            ),
        )

    def tokenise(self, texts: list[str], seconds: list[str] | None) -> Tokens:
        """Make tokens of texts, or of pairs of texts."""
        given = texts if seconds is None else list(zip(texts, seconds, strict=True))
        with read_back(f"{self._path.name}: its tokenizer", "Fetch it again."):
            rows = self._tokenizer.encode_batch_fast(given)
        return {"input_ids": [row.ids for row in rows], "token_type_ids": [row.type_ids for row in rows]}

    def run(self, inputs: Inputs) -> tuple[np.ndarray, ...]:
        """Make features of padded tokens."""
        states = self._given(inputs)
        if states.ndim == 3:
            states = pool(states, inputs["attention_mask"], self._pooling)
        return (np.ascontiguousarray(states, dtype=np.float32),)

    def _given(self, inputs: Inputs) -> np.ndarray:
        return np.asarray(self.network.run([self._output], {name: inputs[name] for name in self._inputs})[0])


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what the user can put right comes as an error
    options.intra_op_num_threads = _threads()
    usable = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in usable]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common parent
        raise damaged(path, "an ONNX model", error) from error


def _threads() -> int:
    # ONNX Runtime pays no heed to the variable that caps every other library here.
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdigit() and int(stated) > 0:
        return int(stated)
    from joblib import cpu_count

    return int(cpu_count())


def _chosen_output(session: Any, asked: str | None, path: Path) -> str:
    outputs = session.get_outputs()
    shown = ", ".join(f"{one.name} {one.shape}" for one in outputs)
    if asked is not None:
        if asked not in {one.name for one in outputs}:
            raise ConfigError(f"there is no output {asked!r}", str(path), f"Outputs: {shown}.")
        return asked
    floats = [one for one in outputs if "float" in one.type]
    # BERT's pooler was trained to tell neighbouring sentences, not to represent one.
    texts = [one.name for one in floats if len(one.shape) == 2 and one.name != "pooler_output"]
    tokens = [one.name for one in floats if len(one.shape) == 3]
    for usual in ("sentence_embedding", "last_hidden_state", "token_embeddings"):
        if usual in texts + tokens:
            return usual
    for candidates in (texts, tokens):
        if len(candidates) == 1:
            return str(candidates[0])
    raise ConfigError("the output to take is not clear", str(path), f"Name one of: {shown}.")


def _tokenizer_file(path: Path, given: str | None) -> Path:
    places = [Path(given).expanduser()] if given else [path.parent, path.parent.parent]
    for place in places:
        file = place / "tokenizer.json" if place.is_dir() else place
        if file.is_file():
            return file
    raise ConfigError(
        f"there is no tokenizer.json in {', '.join(map(str, places))}",
        str(path),
        "Name the tokenizer's file or folder (--tokenizer).",
    )


def _stated_length(folder: Path, tokenizer: Any) -> int | None:
    for path in sorted(folder.glob("sentence_*_config.json")):
        if stated := read_json(path).get("max_seq_length"):
            return int(stated)
    config = folder / "tokenizer_config.json"
    stated = stated_limit(read_json(config).get("model_max_length")) if config.is_file() else None
    given = tokenizer.truncation["max_length"] if tokenizer.truncation else None
    return given if stated is None else int(stated)
