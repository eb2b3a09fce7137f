"""Texts to features with an ONNX file and a tokenizer.json, without torch.

The output taken is the one per text where the file has it, else the tokens' vectors, pooled with regard to
the mask. Batches and padding are those of the other text models (`text_batches`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from outgrow.errors import ConfigError, FileError, OutgrowError, read_back
from outgrow.features.hub_files import hash_files, licence_of, need
from outgrow.features.pooling import pool
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad
from outgrow.features.sentence_pipeline import read_json
from outgrow.features.text_batches import Budget, mask_of, padded, readable_texts, token_batches

BATCH_TOKENS = 1024
"""Tokens in a batch: as for torch on a processor, whose caches are the same (docs/speed.md)."""

LONGEST = 512
"""Tokens after which texts are cut where no file states a limit: that of BERT and its kin, which most
exported models are."""

_FED = ("input_ids", "attention_mask", "token_type_ids")


def onnx_encoder(
    file: str,
    tokenizer: str | None = None,
    output: str | None = None,
    *,
    pooling: str = "mean",
    max_length: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> OnnxEncoder:
    """Load an ONNX text model."""
    need("onnx", "onnxruntime", "tokenizers")
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileError("no such file", str(path), "Give the path of an .onnx file.")
    rules = _tokenizer_file(path, tokenizer)
    return OnnxEncoder(path, rules, output, pooling=pooling, max_length=max_length, batch_tokens=batch_tokens)


class OnnxEncoder:
    """A loaded ONNX text model; `onnx_encoder` makes one."""

    input = "text"

    def __init__(
        self,
        path: Path,
        rules: Path,
        output: str | None,
        *,
        pooling: str,
        max_length: int | None,
        batch_tokens: int,
    ) -> None:
        from tokenizers import Tokenizer

        self._session: Any = _session(path)
        self._path, self._budget, self._pooling = path, Budget(batch_tokens), pooling
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        if unknown := [name for name in self._inputs if name not in _FED]:
            raise ConfigError(
                f"the model wants {', '.join(unknown)}, which is not made here", str(path), f"Known: {_FED}."
            )
        self._output = _chosen_output(self._session, output, path)
        with read_back(rules, "Fetch it again."):
            self._tokenizer: Any = Tokenizer.from_file(str(rules))
            length = max_length or _stated_length(rules.parent, self._tokenizer) or LONGEST
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(length, strategy="longest_first")
        self._per_token, width = self._warm_up()
        data = sorted(
            p for p in path.parent.glob(f"{path.name}*") if p.is_file()
        )  # weights may lie beside it
        digest = hashlib.sha256(rules.read_bytes()).hexdigest()[:16]
        self.identities = (
            EncoderIdentity(
                name=path.stem,
                kind="onnx",
                revision=hash_files(data, path.parent),
                layer="last",
                width=width,
                pooling=pooling if self._per_token else "none",
                transform=f"at most {length} tokens; pairs by text_pair; tokenizer {digest};"
                f" output {self._output}",
                licence=licence_of(path.parent),
            ),
        )

    def _warm_up(self) -> tuple[bool, int]:
        found = self._outputs(self._tokenised(["two words", "one"]), np.array([0, 1]))[0]
        return found.ndim == 3, found.shape[-1]

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode a stretch of texts."""
        positions, texts, seconds = readable_texts(items, on_bad)
        if not texts:
            return
        given = texts if seconds is None else list(zip(texts, seconds, strict=True))
        rows = self._tokenised(given)
        lengths = np.array([len(row.ids) for row in rows])
        for row in np.flatnonzero(lengths == 0):
            on_bad(positions[row], "the tokenizer makes no token of it")
        known, some = np.array(positions), np.flatnonzero(lengths)
        for batch in token_batches(lengths[some], self._budget):
            part = some[batch]
            found, mask = self._outputs(rows, part)
            if self._per_token:
                found = pool(found, mask, self._pooling)
            yield known[part], (np.ascontiguousarray(found, dtype=np.float32),)

    def _tokenised(self, texts: Sequence[Any]) -> list[Any]:
        with read_back(f"{self._path.name}: its tokenizer", "Fetch it again."):
            return list(self._tokenizer.encode_batch_fast(texts))

    def _outputs(self, rows: list[Any], part: Int[np.ndarray, " b"]) -> tuple[np.ndarray, np.ndarray]:
        if self._session is None:
            raise OutgrowError("the encoder was closed", str(self._path), "Load it again.")
        mask = mask_of(np.array([len(rows[row].ids) for row in part]))
        arrays = {
            "input_ids": padded([rows[row].ids for row in part], 0),
            "attention_mask": mask,
            "token_type_ids": padded([rows[row].type_ids for row in part], 0),
        }
        found = self._session.run([self._output], {name: arrays[name] for name in self._inputs})
        return found[0], mask

    def close(self) -> None:
        """Give back the model's memory; may be called twice."""
        self._session = None


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
        line = str(error).strip().splitlines()[0][:160]
        raise FileError(
            f"damaged, cut short, or not an ONNX model ({line})", str(path), "Fetch it again."
        ) from error


def _threads() -> int:
    # ONNX Runtime pays no heed to the variable that caps every other library here.
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdigit() and int(stated) > 0:
        return int(stated)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    stated = read_json(config).get("model_max_length") if config.is_file() else None
    if stated is not None and stated < 1_000_000:  # tokenizers without a limit state one of 1e30
        return int(stated)
    return int(tokenizer.truncation["max_length"]) if tokenizer.truncation else None
