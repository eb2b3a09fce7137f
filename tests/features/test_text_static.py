"""Static embeddings: a tiny model2vec folder against a plain loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outgrow.errors import DataError, FileError, OutgrowError
from outgrow.features.probe import probe
from outgrow.features.protocols import Encoder
from outgrow.features.static_model import StaticEncoder

WORDS = ["[UNK]", "a", "fine", "film", "dull"]
TEXTS = ["a fine film", "dull", "film", "nothing known", "a dull dull film"]


@pytest.fixture
def vectors(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(len(WORDS), 6)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, vectors: np.ndarray, needs: Callable[..., None]) -> Path:
    needs("model2vec", "tokenizers")
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    rules = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    rules.save(str(tmp_path / "tokenizer.json"))
    save_file({"embeddings": vectors}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"normalize": False}))
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    return tmp_path


def test_equals_the_mean_of_the_vectors_of_known_words(folder: Path, vectors: np.ndarray) -> None:
    made = StaticEncoder(str(folder))
    bad: dict[int, str] = {}
    found = np.full((len(TEXTS) + 1, 6), np.nan)
    for positions, (features,) in made.encode([*TEXTS, None], bad.__setitem__):
        assert features.dtype == np.float32
        found[positions] = features
    for row, text in enumerate(TEXTS):
        known = [vectors[WORDS.index(word)] for word in text.split() if word in WORDS]
        np.testing.assert_allclose(found[row], np.mean(known, axis=0) if known else np.zeros(6), atol=1e-6)
    assert bad == {5: "is NoneType, not a text or a pair of texts"}


def test_the_identity_says_what_made_the_features(folder: Path) -> None:
    made = StaticEncoder(str(folder))
    assert isinstance(made, Encoder)
    identity = made.identities[0]
    assert (identity.kind, identity.width, identity.pooling, identity.licence) == ("static", 6, "mean", "mit")
    assert identity.dtype == "float32"
    (folder / "config.json").write_text(json.dumps({"normalize": True}))
    unit = StaticEncoder(str(folder)).identities[0]
    assert unit.transform == f"{identity.transform}; unit length"
    assert unit.revision != identity.revision
    assert probe(made, TEXTS) == []


def test_pairs_damage_and_use_after_closing_are_errors(folder: Path) -> None:
    made = StaticEncoder(str(folder))
    with pytest.raises(DataError, match="static embeddings read single texts, not pairs"):
        list(made.encode([("a", "b")], lambda *_: None))
    made.close()
    made.close()
    with pytest.raises(OutgrowError, match="the encoder was closed"):
        list(made.encode(["a"], lambda *_: None))
    rules = folder / "tokenizer.json"
    sound = rules.read_text()
    rules.unlink()
    rules.write_text(sound.replace('"[UNK]":', '"[MASK]":'))
    with pytest.raises(FileError, match=r"is damaged, or not what it should be \(.*UNK"):
        list(StaticEncoder(str(folder)).encode(["unheard of"], lambda *_: None))
    rules.write_text(sound)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(weights[:50])
    with pytest.raises(FileError, match="is damaged, or not what it should be"):
        StaticEncoder(str(folder))
