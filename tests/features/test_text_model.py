"""Text encoders against sentence-transformers and transformers, for real and for tiny random models."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
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
EQUAL = 1e-5
"""Float32 sums in another order differ by 3e-7 on MiniLM-L6; a wrong token or mask by 1e-2."""


def refuse(position: int, why: str) -> None:
    raise AssertionError(f"row {position} {why}")


def encoded(encoder: Encoder, items: Sequence[Any]) -> list[np.ndarray]:
    out = [np.full((len(items), identity.width), np.nan, np.float32) for identity in encoder.identities]
    for positions, features in encoder.encode(items, refuse):
        for matrix, part in zip(out, features, strict=True):
            assert np.isnan(matrix[positions]).all(), "a row came twice"
            matrix[positions] = part
    return out


@pytest.fixture(scope="module")
def encoder(minilm_l6: Path) -> Iterator[TextEncoder]:
    """Last layer with normalisation, then layers 3, 6 and 0."""
    made = TextEncoder(str(minilm_l6), [None, 3, -1, 0], device="cpu")
    yield made
    made.close()


@pytest.fixture(scope="module")
def theirs(minilm_l6: Path, needs: Callable[..., None]) -> Any:
    needs("sentence_transformers")
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(minilm_l6), device="cpu")


def test_equals_sentence_transformers(encoder: TextEncoder, theirs: Any) -> None:
    found = encoded(encoder, TEXTS)[0]
    np.testing.assert_allclose(found, theirs.encode(TEXTS), atol=EQUAL)


def test_pairs_equal_sentence_transformers(encoder: TextEncoder, theirs: Any) -> None:
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    found = encoded(encoder, pairs)[0]
    np.testing.assert_allclose(found, theirs.encode(pairs), atol=EQUAL)
    assert np.abs(found - encoded(encoder, TEXTS)[0]).max() > 0.01


def test_it_says_how_many_layers_could_be_asked_for(encoder: TextEncoder) -> None:
    assert encoder.layers == 6


def test_hidden_layers_equal_transformers(encoder: TextEncoder, minilm_l6: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(minilm_l6).eval(), AutoTokenizer.from_pretrained(minilm_l6)
    _, third, last, embeddings = encoded(encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            states = model(**inputs, output_hidden_states=True).hidden_states
        for ours, layer in ((third, 3), (last, 6), (embeddings, 0)):
            np.testing.assert_allclose(ours[row], states[layer][0].mean(dim=0).numpy(), atol=EQUAL)


def test_neither_batch_size_nor_order_matters(encoder: TextEncoder, minilm_l6: Path) -> None:
    whole = encoded(encoder, TEXTS)
    for budget in (1, 40, 100_000):
        small = TextEncoder(str(minilm_l6), [None, 3, -1, 0], device="cpu", batch_tokens=budget)
        for ours, other in zip(whole, encoded(small, TEXTS), strict=True):
            np.testing.assert_allclose(ours, other, atol=EQUAL)
    for ours, other in zip(whole, encoded(encoder, TEXTS[::-1]), strict=True):
        np.testing.assert_allclose(ours, other[::-1], atol=EQUAL)


def test_encoding_twice_gives_the_same_bytes(encoder: TextEncoder) -> None:
    for ours, again in zip(encoded(encoder, TEXTS), encoded(encoder, TEXTS), strict=True):
        assert ours.tobytes() == again.tobytes()


def test_the_identity_says_what_made_the_features(encoder: TextEncoder, minilm_l6: Path) -> None:
    last, third, sixth, _ = encoder.identities
    assert isinstance(encoder, Encoder)
    assert (last.name, third.name) == (minilm_l6.name, f"{minilm_l6.name}@3")
    assert (last.kind, last.layer, third.layer, sixth.layer) == ("transformers", "last", "3", "6")
    assert (last.width, last.pooling, last.dtype) == (384, "mean", "float32")
    assert "at most 256 tokens" in last.transform
    assert "[SEP]" in last.transform
    assert last.transform.endswith("unit length")
    assert "unit length" not in sixth.transform
    assert last.revision.startswith("sha256:")
    assert len({identity.digest for identity in encoder.identities}) == 4
    other = TextEncoder(str(minilm_l6), [None], max_length=128, device="cpu")
    assert other.identities[0].digest != last.digest
    assert other.identities[0].revision == last.revision


def test_only_the_layers_needed_are_run(minilm_l6: Path) -> None:
    import torch

    made = TextEncoder(str(minilm_l6), [2], device="cpu")
    assert made.network is not None
    ran: list[int] = []
    blocks = made.network.model.encoder.layer
    for place, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, place=place: ran.append(place))
    encoded(made, TEXTS[:2])
    assert sorted(set(ran)) == [0, 1]
    assert not any(isinstance(module, torch.nn.Dropout) and module.training for module in blocks.modules())


def test_features_of_the_shared_data(encoder: TextEncoder, shared_data: Path, minilm_l6: Path) -> None:
    import pyarrow.parquet as pq

    texts = pq.read_table(shared_data / "movies" / "reviews.parquet").slice(0, 300)
    known = pq.read_table(shared_data / "movies" / "minilm-l6.parquet").slice(0, 300)
    assert texts["id"].to_pylist() == known["id"].to_pylist()
    wanted = np.stack(known["features"].to_numpy()).astype(np.float64)
    found = encoded(TextEncoder(str(minilm_l6), [-1], device="cpu"), texts["text"].to_pylist())[0]
    cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 0.999


def test_a_good_model_passes_the_probe_and_dropout_does_not(minilm_l6: Path) -> None:
    made = TextEncoder(str(minilm_l6), [None, 2], device="cpu")
    items = [text for text in TEXTS if text]
    assert probe(made, items) == []
    assert made.network is not None
    made.network.model.train()
    assert [check.code for check in probe(made, items)] == ["OG302", "OG302"]


def test_bfloat16_is_near_float32(encoder: TextEncoder, minilm_l6: Path) -> None:
    low = TextEncoder(str(minilm_l6), dtype="bfloat16", device="cpu")
    assert low.identities[0].dtype == "bfloat16"
    found, exact = encoded(low, TEXTS)[0], encoded(encoder, TEXTS)[0]
    assert found.dtype == np.float32
    # bfloat16 rounds to 4e-3 in each of six layers: an angle of some hundredths.
    assert (found * exact).sum(axis=1).min() > 0.99
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert probe(low, [text for text in TEXTS if text]) == []


def test_memory_that_runs_out_halves_the_batches_and_says_so(
    minilm_l6: Path, encoder: TextEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    made = TextEncoder(str(minilm_l6), [None, 3, -1, 0], device="cpu", batch_tokens=4096)
    network, sizes = made.network, []

    class Small:
        def __call__(self, **inputs: Any) -> Any:
            sizes.append(inputs["input_ids"].numel())
            if sizes[-1] > 600:
                raise torch.OutOfMemoryError("out of memory")
            assert network is not None
            return network(**inputs)

    made.network = Small()
    with caplog.at_level(logging.WARNING):
        found = encoded(made, TEXTS)
    for ours, exact in zip(found, encoded(encoder, TEXTS), strict=True):
        np.testing.assert_allclose(ours, exact, atol=EQUAL)
    assert max(sizes) > 600
    assert "out of memory with" in caplog.text
    assert "going on with batches of 2048 tokens" in caplog.text


def test_a_row_that_never_fits_is_an_error(minilm_l6: Path) -> None:
    import torch

    made = TextEncoder(str(minilm_l6), device="cpu")

    class Full:
        def __call__(self, **_inputs: Any) -> Any:
            raise torch.OutOfMemoryError("out of memory")

    made.network = Full()
    with pytest.raises(OutgrowError, match="a single row does not fit into the device's memory"):
        encoded(made, ["a"])


def test_a_closed_encoder_says_so(minilm_l6: Path) -> None:
    made = TextEncoder(str(minilm_l6), device="cpu")
    made.close()
    made.close()
    with pytest.raises(OutgrowError, match="the encoder was closed"):
        encoded(made, ["a"])


# Tiny random models: one of each way that transformers builds its layers.

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
LETTERS = ["a b c", "d", "e f g h i j k l", "m n o p", "z z z z z z z z z z z z z z z z z z z z", "b a"]


def tiny(folder: Path, kind: str, side: str = "right", special: bool = True) -> Path:
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
    return folder


@pytest.mark.parametrize("kind", ["bert", "albert", "distilbert", "gpt2", "llama", "modernbert", "t5"])
def test_layers_of_every_build_equal_transformers(
    kind: str, tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("torch", "transformers")
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = tiny(tmp_path, kind)
    made = TextEncoder(str(folder), [None, 0, 1, -2, -1], device="cpu")
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    model = model.get_encoder() if kind == "t5" else model
    found = encoded(made, LETTERS)
    depth = made.layers
    assert [identity.layer for identity in made.identities] == ["last", "0", "1", str(depth - 1), str(depth)]
    for row, text in enumerate(LETTERS):
        ids = {
            key: value
            for key, value in tokenizer(text, return_tensors="pt").items()
            if key != "token_type_ids"
        }
        with torch.no_grad():
            states = model(**ids, output_hidden_states=True).hidden_states
        for ours, layer in zip(found, (depth, 0, 1, depth - 1, depth), strict=True):
            np.testing.assert_allclose(ours[row], states[layer][0].mean(dim=0).numpy(), atol=EQUAL)
    assert probe(made, LETTERS) == []


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_a_tokenizer_that_pads_on_the_left_changes_nothing(
    pooling: str, tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("torch", "transformers")
    right, left = (
        TextEncoder(str(tiny(tmp_path / side, "gpt2", side)), pooling=pooling, device="cpu")
        for side in ("right", "left")
    )
    np.testing.assert_array_equal(encoded(right, LETTERS)[0], encoded(left, LETTERS)[0])
    alone = np.concatenate([encoded(left, [text])[0] for text in LETTERS])
    np.testing.assert_allclose(encoded(left, LETTERS)[0], alone, atol=EQUAL)
    if pooling == "last":
        assert np.ptp(alone, axis=0).min() > 1e-3  # not the vector of padding


def test_texts_without_a_token_are_reported(tmp_path: Path, needs: Callable[..., None]) -> None:
    needs("torch", "transformers")
    made = TextEncoder(str(tiny(tmp_path, "gpt2", special=False)), device="cpu")
    bad: dict[int, str] = {}
    found = {
        int(p) for positions, _ in made.encode(["a", " ", "b", None], bad.__setitem__) for p in positions
    }
    assert found == {0, 2}
    assert bad[1] == "the tokenizer makes no token of it"
    assert bad[3] == "is NoneType, not a text or a pair of texts"
    assert list(made.encode([None], bad.__setitem__)) == []


def test_texts_are_cut_and_options_are_checked(tmp_path: Path, needs: Callable[..., None]) -> None:
    needs("torch", "transformers")
    folder = str(tiny(tmp_path, "bert"))
    cut = TextEncoder(folder, max_length=4, device="cpu")
    long, short = encoded(cut, ["a b c d e", "a b"])[0]
    np.testing.assert_allclose(long, short, atol=EQUAL)
    with pytest.raises(ConfigError, match=r"cannot cut texts at 65 tokens\. Use 1 to 64\."):
        TextEncoder(folder, max_length=65, device="cpu")
    with pytest.raises(ConfigError, match=r"there is no layer 4\. Its layers are 0 \(embeddings\) to 3"):
        TextEncoder(folder, [4], device="cpu")
    with pytest.raises(ConfigError, match="unknown precision 'int8'"):
        TextEncoder(folder, dtype="int8", device="cpu")
    with pytest.raises(ConfigError, match="unknown pooling 'median'"):
        TextEncoder(folder, pooling="median", device="cpu")
    with pytest.raises(ConfigError, match="the device 'abacus' cannot be used"):
        TextEncoder(folder, device="abacus")


def test_weights_that_are_pickles_of_more_than_weights_are_refused(
    tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("torch", "transformers")
    import torch
    from safetensors.torch import load_file

    folder = tiny(tmp_path / "model", "bert")
    safe = folder / "model.safetensors"
    state = load_file(safe)
    exact = encoded(TextEncoder(str(folder), device="cpu"), LETTERS)[0]
    safe.unlink()
    with pytest.raises(FileError, match="there are no weights"):
        TextEncoder(str(folder), device="cpu")
    torch.save(state, folder / "pytorch_model.bin")
    np.testing.assert_allclose(
        encoded(TextEncoder(str(folder), device="cpu"), LETTERS)[0], exact, atol=EQUAL
    )

    mark = tmp_path / "ran"
    torch.save({**state, "evil": Evil(mark)}, folder / "pytorch_model.bin")
    with pytest.raises(FileError, match="the model cannot be loaded"):
        TextEncoder(str(folder), device="cpu")
    assert not mark.exists()


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_damaged_and_incomplete_weights_are_named(tmp_path: Path, needs: Callable[..., None]) -> None:
    needs("torch", "transformers")
    from safetensors.torch import load, save

    folder = tiny(tmp_path / "model", "bert")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    state = load(whole)
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="the model cannot be loaded"):
        TextEncoder(str(folder), device="cpu")
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(FileError, match="the weights were not fetched"):
        TextEncoder(str(folder), device="cpu")
    name = "encoder.layer.1.output.dense.weight"
    weights.write_bytes(save({key: state[key] for key in state if key != name}, {"format": "pt"}))
    with pytest.raises(FileError, match=f"the weights lack 1 of the model's arrays, {name} first"):
        TextEncoder(str(folder), device="cpu")


def test_code_of_a_model_does_not_run_unless_allowed(tmp_path: Path, needs: Callable[..., None]) -> None:
    needs("torch", "transformers")
    folder, mark = tiny(tmp_path / "model", "bert"), tmp_path / "ran"
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "made_up"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    with pytest.raises(ConfigError, match=r"brings Python code of its own.*--allow-code"):
        TextEncoder(str(folder), device="cpu")
    assert not mark.exists()


def test_two_models_of_one_name_and_other_weights_have_other_revisions(
    tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("torch", "transformers")
    first = tiny(tmp_path / "one" / "model", "bert")
    second = Path(shutil.copytree(first, tmp_path / "two" / "model"))
    same = TextEncoder(str(second), device="cpu").identities[0]
    assert TextEncoder(str(first), device="cpu").identities[0] == same
    tiny(second, "modernbert")
    assert TextEncoder(str(second), device="cpu").identities[0].revision != same.revision
