"""Text encoders against sentence-transformers and transformers, for real and for tiny random models."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.errors import ConfigError, FileError, OutgrowError
from outgrow.features.probe import probe
from outgrow.features.protocols import Encoder
from outgrow.features.text_model import TextEncoder

TEXTS = [
    "a fine film",
    "dull",
    "one of the year's best films, by far, and the most moving of all its maker has done in a long life",
    "it never ends , and it never begins",
    "Ünïcode & <b>markup</b> 🎬",
    "",
    "wonderful cast , weak script " * 60,
    "fine work",
]
LAYERS = [None, 3, -1, 0]
EQUAL = 1e-5
"""Float32 sums in another order differ by 3e-7 on MiniLM-L6; a wrong token or mask by 1e-2."""

Encoded = Callable[..., list[np.ndarray]]


@pytest.fixture(scope="module", autouse=True)
def _extra(needs: Callable[..., None]) -> None:
    needs("torch", "transformers")


@pytest.fixture(scope="module")
def encoder(minilm_l6: Path) -> TextEncoder:
    """Last layer with normalisation, then layers 3, 6 and 0."""
    return TextEncoder(str(minilm_l6), LAYERS, device="cpu")


def state_of(model: Any, tokenizer: Any, text: str, layer: int) -> np.ndarray:
    """The mean over tokens of a hidden layer, as transformers gives it for one text."""
    import torch

    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
    if model.config.model_type != "bert":
        inputs.pop("token_type_ids", None)
    with torch.no_grad():
        return model(**inputs, output_hidden_states=True).hidden_states[layer][0].mean(dim=0).numpy()


def test_equals_sentence_transformers(
    encoder: TextEncoder, minilm_l6: Path, needs: Callable[..., None], encoded: Encoded
) -> None:
    needs("sentence_transformers")
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(minilm_l6), device="cpu")
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    single, paired = encoded(encoder, TEXTS)[0], encoded(encoder, pairs)[0]
    np.testing.assert_allclose(single, theirs.encode(TEXTS), atol=EQUAL)
    np.testing.assert_allclose(paired, theirs.encode(pairs), atol=EQUAL)
    assert np.abs(single - paired).max() > 0.01


def test_hidden_layers_equal_transformers(encoder: TextEncoder, minilm_l6: Path, encoded: Encoded) -> None:
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(minilm_l6).eval(), AutoTokenizer.from_pretrained(minilm_l6)
    found = encoded(encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        for matrix, layer in zip(found[1:], (3, 6, 0), strict=True):
            np.testing.assert_allclose(matrix[row], state_of(model, tokenizer, text, layer), atol=EQUAL)
    for ours, again in zip(found, encoded(encoder, TEXTS), strict=True):
        assert ours.tobytes() == again.tobytes()


def test_the_identity_says_what_made_the_features(encoder: TextEncoder, minilm_l6: Path) -> None:
    last, third, sixth, _ = encoder.identities
    assert isinstance(encoder, Encoder)
    assert (encoder.layers, last.name, third.name) == (6, minilm_l6.name, f"{minilm_l6.name}@3")
    assert (last.kind, last.layer, third.layer, sixth.layer) == ("transformers", "last", "3", "6")
    assert (last.width, last.pooling, last.dtype) == (384, "mean", "float32")
    assert "at most 256 tokens" in last.transform
    assert "[SEP]" in last.transform
    assert last.transform.endswith("unit length")
    assert "unit length" not in sixth.transform
    assert last.revision.startswith("sha256:")
    assert len({identity.digest for identity in encoder.identities}) == 4
    other = TextEncoder(str(minilm_l6), max_length=128, device="cpu").identities[0]
    assert other.digest != last.digest
    assert other.revision == last.revision


def test_features_of_the_shared_data(
    encoder: TextEncoder, like_the_shared_data: Callable[[Encoder, str, int], None]
) -> None:
    like_the_shared_data(encoder, "minilm-l6", 2)


# Tiny random models: one of each way that transformers builds its layers.

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
LETTERS = ["a b c", "d", "e f g h i j k l", "m n o p", "z z z z z z z z z z z z z z z z z z z z", "b a"]


def tiny(folder: Path, kind: str = "bert", side: str = "right", special: bool = True) -> str:
    """A random model of two or three small layers with a tokenizer of letters."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    rules = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        rules.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B [SEP]",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=rules, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        padding_side=side, model_max_length=64,
    )  # fmt: skip
    torch.manual_seed(0)
    size = {"vocab_size": len(WORDS), "pad_token_id": 0}
    small = {**size, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    llama = {**small, "num_key_value_heads": 1, "bos_token_id": 2, "eos_token_id": 3}
    gpt2 = {**size, "n_embd": 16, "n_head": 2, "n_layer": 3, "bos_token_id": 2, "eos_token_id": 3}
    t5 = {**size, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2, "num_layers": 2}
    make: dict[str, Callable[[], Any]] = {
        "bert": lambda: transformers.BertModel(transformers.BertConfig(**small, num_hidden_layers=3)),
        "albert": lambda: transformers.AlbertModel(
            transformers.AlbertConfig(**small, num_hidden_layers=3, embedding_size=8)
        ),
        "distilbert": lambda: transformers.DistilBertModel(
            transformers.DistilBertConfig(**size, dim=16, n_heads=2, hidden_dim=32, n_layers=3)
        ),
        "gpt2": lambda: transformers.GPT2Model(transformers.GPT2Config(**gpt2)),
        "llama": lambda: transformers.LlamaModel(transformers.LlamaConfig(**llama, num_hidden_layers=3)),
        "modernbert": lambda: transformers.ModernBertModel(
            transformers.ModernBertConfig(**small, num_hidden_layers=3, cls_token_id=2, sep_token_id=3)
        ),
        "t5": lambda: transformers.T5Model(transformers.T5Config(**t5)),
    }
    make[kind]().eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", ["bert", "albert", "distilbert", "gpt2", "llama", "modernbert", "t5"])
def test_layers_of_every_build_equal_transformers(kind: str, tmp_path: Path, encoded: Encoded) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = tiny(tmp_path, kind)
    made = TextEncoder(folder, [None, 0, 1, -2, -1], device="cpu")
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    model = model.get_encoder() if kind == "t5" else model
    found, depth = encoded(made, LETTERS), made.layers
    assert [identity.layer for identity in made.identities] == ["last", "0", "1", str(depth - 1), str(depth)]
    for row, text in enumerate(LETTERS):
        for ours, layer in zip(found, (depth, 0, 1, depth - 1, depth), strict=True):
            np.testing.assert_allclose(ours[row], state_of(model, tokenizer, text, layer), atol=EQUAL)
    assert probe(made, LETTERS) == []


@pytest.mark.parametrize("budget", [1, 40, 100_000])
def test_neither_batch_size_nor_order_matters(budget: int, tmp_path: Path, encoded: Encoded) -> None:
    folder = tiny(tmp_path)
    whole = encoded(TextEncoder(folder, LAYERS, device="cpu"), LETTERS)
    other = TextEncoder(folder, LAYERS, device="cpu", batch_tokens=budget)
    for ours, again, back in zip(whole, encoded(other, LETTERS), encoded(other, LETTERS[::-1]), strict=True):
        np.testing.assert_allclose(ours, again, atol=EQUAL)
        np.testing.assert_allclose(ours, back[::-1], atol=EQUAL)


def test_only_the_layers_needed_are_run_and_dropout_is_off_or_found(tmp_path: Path, encoded: Encoded) -> None:
    made = TextEncoder(tiny(tmp_path), [2], device="cpu")
    ran: set[int] = set()
    model = made.network.model
    for place, block in enumerate(model.encoder.layer):
        block.register_forward_hook(lambda *_, place=place: ran.add(place))
    encoded(made, LETTERS)
    assert ran == {0, 1}
    model.train()
    assert [check.code for check in probe(made, LETTERS)] == ["OG302"]


def test_bfloat16_is_near_float32(encoder: TextEncoder, minilm_l6: Path, encoded: Encoded) -> None:
    low = TextEncoder(str(minilm_l6), dtype="bfloat16", device="cpu")
    assert low.identities[0].dtype == "bfloat16"
    found, exact = encoded(low, TEXTS[:3])[0], encoded(encoder, TEXTS[:3])[0]
    # bfloat16 rounds to 4e-3 in each of six layers: an angle of some hundredths.
    assert (found * exact).sum(axis=1).min() > 0.99
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert probe(low, TEXTS[:3]) == []


def test_memory_that_runs_out_halves_the_batches_and_says_so(
    tmp_path: Path, encoded: Encoded, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    folder = tiny(tmp_path)
    made = TextEncoder(folder, LAYERS, device="cpu", batch_tokens=256)
    network, sizes, most = made.network, [], [40]

    def small(**inputs: Any) -> Any:
        sizes.append(inputs["input_ids"].numel())
        if sizes[-1] > most[0]:
            raise torch.OutOfMemoryError("out of memory")
        return network(**inputs)

    made.network = small
    with caplog.at_level(logging.WARNING):
        found = encoded(made, LETTERS)
    for ours, exact in zip(found, encoded(TextEncoder(folder, LAYERS, device="cpu"), LETTERS), strict=True):
        np.testing.assert_allclose(ours, exact, atol=EQUAL)
    assert max(sizes) > 40
    assert "out of memory with" in caplog.text
    assert "going on with batches of 128 tokens" in caplog.text
    most[0] = 1
    with pytest.raises(OutgrowError, match="a single row does not fit into the device's memory"):
        encoded(made, ["a"])
    for _ in range(2):
        made.close()
    with pytest.raises(OutgrowError, match="the encoder was closed"):
        encoded(made, ["a"])


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_a_tokenizer_that_pads_on_the_left_changes_nothing(
    pooling: str, tmp_path: Path, encoded: Encoded
) -> None:
    right, left = (
        TextEncoder(tiny(tmp_path / side, "gpt2", side), pooling=pooling, device="cpu")
        for side in ("right", "left")
    )
    np.testing.assert_array_equal(encoded(right, LETTERS)[0], encoded(left, LETTERS)[0])
    alone = np.concatenate([encoded(left, [text])[0] for text in LETTERS])
    np.testing.assert_allclose(encoded(left, LETTERS)[0], alone, atol=EQUAL)
    if pooling == "last":
        assert np.ptp(alone, axis=0).min() > 1e-3  # not the vector of padding


def test_texts_without_a_token_are_reported(tmp_path: Path) -> None:
    made = TextEncoder(tiny(tmp_path, "gpt2", special=False), device="cpu")
    bad: dict[int, str] = {}
    parts = list(made.encode(["a", " ", "b", None], bad.__setitem__))
    assert sorted(np.concatenate([positions for positions, _ in parts]).tolist()) == [0, 2]
    assert bad[1] == "the tokenizer makes no token of it"
    assert bad[3] == "is NoneType, not a text or a pair of texts"
    assert list(made.encode([None], bad.__setitem__)) == []


def test_texts_are_cut_and_options_are_checked(tmp_path: Path, encoded: Encoded) -> None:
    folder = tiny(tmp_path)
    long, short = encoded(TextEncoder(folder, max_length=4, device="cpu"), ["a b c d e", "a b"])[0]
    np.testing.assert_allclose(long, short, atol=EQUAL)
    options: list[tuple[dict[str, Any], str]] = [
        ({"max_length": 65}, r"cannot cut texts at 65 tokens\. Use 1 to 64\."),
        ({"layers": [4]}, r"there is no layer 4\. Its layers are 0 \(embeddings\) to 3"),
        ({"dtype": "int8"}, "unknown precision 'int8'"),
        ({"pooling": "median"}, "unknown pooling 'median'"),
        ({"device": "abacus"}, "the device 'abacus' cannot be used"),
    ]
    for option, line in options:
        with pytest.raises(ConfigError, match=line):
            TextEncoder(folder, **({"device": "cpu"} | option))


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_weights_that_are_damaged_incomplete_or_more_than_weights_are_refused(
    tmp_path: Path, encoded: Encoded
) -> None:
    import torch
    from safetensors.torch import load, save

    folder = tiny(tmp_path / "model")
    weights, pickled, mark = (
        Path(folder, "model.safetensors"),
        Path(folder, "pytorch_model.bin"),
        tmp_path / "ran",
    )
    whole = weights.read_bytes()
    state = load(whole)
    exact = encoded(TextEncoder(folder, device="cpu"), LETTERS)[0]
    name = "encoder.layer.1.output.dense.weight"
    for content, line in {
        whole[: len(whole) // 2]: "the model cannot be loaded",
        b"version https://git-lfs.github.com/spec/v1\n": "the weights were not fetched",
        save({key: state[key] for key in state if key != name}, {"format": "pt"}): (
            f"the weights lack 1 of the model's arrays, {name} first"
        ),
    }.items():
        weights.write_bytes(content)
        with pytest.raises(FileError, match=line):
            TextEncoder(folder, device="cpu")
    weights.unlink()
    with pytest.raises(FileError, match="there are no weights"):
        TextEncoder(folder, device="cpu")
    torch.save(state, pickled)
    np.testing.assert_allclose(encoded(TextEncoder(folder, device="cpu"), LETTERS)[0], exact, atol=EQUAL)
    torch.save({**state, "evil": Evil(mark)}, pickled)
    with pytest.raises(FileError, match="the model cannot be loaded"):
        TextEncoder(folder, device="cpu")
    assert not mark.exists()


def test_code_of_a_model_does_not_run_unless_allowed(tmp_path: Path) -> None:
    folder, mark = Path(tiny(tmp_path / "model")), tmp_path / "ran"
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "made_up"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    with pytest.raises(ConfigError, match=r"brings Python code of its own.*--allow-code"):
        TextEncoder(str(folder), device="cpu")
    assert not mark.exists()


def test_two_models_of_one_name_and_other_weights_have_other_revisions(tmp_path: Path) -> None:
    first = tiny(tmp_path / "one" / "model")
    second = Path(shutil.copytree(first, tmp_path / "two" / "model"))
    same = TextEncoder(str(second), device="cpu").identities[0]
    assert TextEncoder(first, device="cpu").identities[0] == same
    tiny(second, "modernbert")
    assert TextEncoder(str(second), device="cpu").identities[0].revision != same.revision
