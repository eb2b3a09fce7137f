"""ONNX text models against the shared features and against plain loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outgrow.errors import ConfigError, DataError, FileError, OutgrowError
from outgrow.features.onnx_model import OnnxEncoder
from outgrow.features.probe import probe
from outgrow.features.protocols import Encoder

TEXTS = ["a fine film", "dull", "it never ends, and it never begins, and so on", "", "fine work"]


Encoded = Callable[..., list[np.ndarray]]


@pytest.fixture(scope="module")
def encoder(minilm_l3_onnx: Path, minilm_l6: Path) -> OnnxEncoder:
    return OnnxEncoder(str(minilm_l3_onnx), str(minilm_l6))


def test_takes_the_output_per_text_and_says_what_it_is(encoder: OnnxEncoder) -> None:
    identity = encoder.identities[0]
    assert isinstance(encoder, Encoder)
    assert (identity.name, identity.kind, identity.width) == ("paraphrase-MiniLM-L3-v2", "onnx", 384)
    assert identity.pooling == "none"
    assert "output 461" in identity.transform
    assert "at most 256 tokens" in identity.transform
    assert identity.revision.startswith("sha256:")
    assert probe(encoder, [text for text in TEXTS if text]) == []


def test_features_of_the_shared_data(
    encoder: OnnxEncoder, like_the_shared_data: Callable[[Encoder, str, int], None]
) -> None:
    like_the_shared_data(encoder, "minilm-l3", 0)


def test_pooled_tokens_equal_the_output_per_text(
    encoded: Encoded, encoder: OnnxEncoder, minilm_l3_onnx: Path, minilm_l6: Path
) -> None:
    tokens = OnnxEncoder(str(minilm_l3_onnx), str(minilm_l6 / "tokenizer.json"), "onnx::Shape_422")
    assert tokens.identities[0].pooling == "mean"
    np.testing.assert_allclose(encoded(tokens, TEXTS)[0], encoded(encoder, TEXTS)[0], atol=1e-5)
    assert tokens.identities[0].digest != encoder.identities[0].digest


def test_neither_batch_size_nor_order_matters(
    encoded: Encoded, encoder: OnnxEncoder, minilm_l3_onnx: Path, minilm_l6: Path
) -> None:
    small = OnnxEncoder(str(minilm_l3_onnx), str(minilm_l6), batch_tokens=1)
    whole = encoded(encoder, TEXTS)[0]
    np.testing.assert_allclose(encoded(small, TEXTS)[0], whole, atol=1e-5)
    np.testing.assert_allclose(encoded(encoder, TEXTS[::-1])[0][::-1], whole, atol=1e-5)


def test_pairs_are_tokenised_as_pairs(encoded: Encoded, encoder: OnnxEncoder, minilm_l6: Path) -> None:
    from tokenizers import Tokenizer

    rules = Tokenizer.from_file(str(minilm_l6 / "tokenizer.json"))
    rules.no_padding()
    both = rules.encode("a fine film", "fine work")
    assert 1 in both.type_ids
    session = encoder.network
    wanted = session.run(["461"], {"input_ids": [both.ids], "attention_mask": [[1] * len(both.ids)]})[0]
    np.testing.assert_allclose(encoded(encoder, [("a fine film", "fine work")])[0], wanted, atol=1e-5)


def test_what_is_wrong_is_said_in_one_line(minilm_l3_onnx: Path, minilm_l6: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        OnnxEncoder(str(tmp_path / "none.onnx"))
    with pytest.raises(ConfigError, match=r"there is no tokenizer\.json in .*--tokenizer"):
        OnnxEncoder(str(minilm_l3_onnx))
    with pytest.raises(ConfigError, match=r"there is no output 'x'\. Outputs: output .*461"):
        OnnxEncoder(str(minilm_l3_onnx), str(minilm_l6), "x")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(minilm_l3_onnx.read_bytes()[:1000])
    with pytest.raises(FileError, match="damaged, cut short, or not an ONNX model"):
        OnnxEncoder(str(broken), str(minilm_l6))
    sound = (minilm_l6 / "tokenizer.json").read_text()
    for rules, beside in (("{", "{}"), (sound, "[]"), (sound, '{"model_max_length": "512"}')):
        (tmp_path / "tokenizer.json").write_text(rules)
        (tmp_path / "tokenizer_config.json").write_text(beside)
        with pytest.raises(FileError, match=r"tokenizer\.json: is damaged, or not what it should be"):
            OnnxEncoder(str(minilm_l3_onnx), str(tmp_path))


def test_threads_come_from_the_environment(
    encoded: Encoded, minilm_l3_onnx: Path, minilm_l6: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = OnnxEncoder(str(minilm_l3_onnx), str(minilm_l6), max_length=9)
    assert made.network.get_session_options().intra_op_num_threads == 1
    assert "at most 9 tokens" in made.identities[0].transform
    made.close()
    made.close()
    with pytest.raises(OutgrowError, match="the encoder was closed"):
        encoded(made, ["a"])[0]


def test_an_output_whose_width_is_the_texts_length_is_refused(minilm_l3_onnx: Path, minilm_l6: Path) -> None:
    class ByToken:
        @staticmethod
        def run(_outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [inputs["input_ids"].astype(np.float32)]

    model = OnnxEncoder(str(minilm_l3_onnx), str(minilm_l6))
    model.network = ByToken()
    with pytest.raises(DataError, match=r"gave features of shape \(1, \d+\) for 1 rows of width 384"):
        list(model.encode(TEXTS[:1], lambda _position, _why: None))
