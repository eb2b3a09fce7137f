"""Model folders: what modules.json prescribes, revisions, licences, and models that are not there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.errors import ConfigError, FileError
from outgrow.features import hub_files
from outgrow.features.extras import need
from outgrow.features.hub_files import find_model, hash_files, licence_of, shaping_files
from outgrow.features.sentence_pipeline import read_pipeline
from outgrow.features.text_model import TextEncoder

TEXTS = ["a fine film", "dull", "it never ends, and it never begins"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write(path: Path, said: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said))


def modules(folder: Path, *steps: tuple[str, str]) -> Path:
    """A folder whose modules.json names the steps given as (path, type)."""
    kinds = [{"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
             for place, (path, kind) in enumerate(steps)]  # fmt: skip
    write(folder / "modules.json", kinds)
    return folder


@pytest.mark.parametrize(
    ("settings", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_mean_tokens": True, "word_embedding_dimension": 4}, "mean"),
        ({"pooling_mode_max_tokens": True, "include_prompt": True}, "max"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "lasttoken", "embedding_dimension": 4}, "last"),
        ({"pooling_mode": ["cls"]}, "cls"),
    ],
)
def test_reads_the_pooling_of_old_and_new_folders(
    settings: dict[str, Any], pooling: str, tmp_path: Path
) -> None:
    modules(
        tmp_path, ("0_Transformer", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
    )
    write(tmp_path / "1_Pooling" / "config.json", settings)
    write(
        tmp_path / "0_Transformer" / "sentence_bert_config.json",
        {"max_seq_length": 77, "do_lower_case": True},
    )
    write(
        tmp_path / "config_sentence_transformers.json",
        {"prompts": {"query": "query: "}, "default_prompt_name": "query"},
    )
    found = read_pipeline(tmp_path, "cpu")
    assert found.pooling == pooling
    assert found.folder == tmp_path / "0_Transformer"
    assert (found.max_length, found.lower, found.prompt) == (77, True, "query: ")
    assert [words for words, _ in found.steps] == ["unit length"]


@pytest.mark.parametrize("place", ["../other", "/other", "a/../../other"])
def test_a_step_outside_of_the_models_folder_is_refused(place: str, tmp_path: Path) -> None:
    write(tmp_path / "other" / "config.json", {"pooling_mode": "cls"})
    modules(tmp_path / "model", ("", "Transformer"), (place, "Pooling"))
    with pytest.raises(FileError, match=r"leads out of the model's folder|is damaged, or not what"):
        read_pipeline(tmp_path / "model", "cpu")


@pytest.mark.parametrize(
    ("step", "settings", "line"),
    [
        ("WordWeights", {}, r"step sentence_transformers\.models\.WordWeights is not one"),
        ("Pooling", {"pooling_mode": ["mean", "max"]}, "the model's pooling mean, max is not followed here"),
        (
            "Pooling",
            {"pooling_mode": "mean", "include_prompt": False},
            "leaves its prompt out of the pooling",
        ),
    ],
)
def test_what_is_not_followed_is_refused_by_name(
    step: str, settings: dict[str, Any], line: str, tmp_path: Path
) -> None:
    modules(tmp_path, ("", "Transformer"), (f"1_{step}", step))
    write(tmp_path / f"1_{step}" / "config.json", settings)
    prompts = {"prompts": {"q": "query: "}, "default_prompt_name": "q"}
    write(tmp_path / "config_sentence_transformers.json", prompts)
    with pytest.raises(ConfigError, match=line):
        read_pipeline(tmp_path, "cpu")


def test_dense_layers_lower_case_and_prompts_equal_sentence_transformers(
    minilm_l6: Path, tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("sentence_transformers")
    import torch
    from safetensors.torch import save_file
    from sentence_transformers import SentenceTransformer

    folder = Path(shutil.copytree(minilm_l6, tmp_path / "model"))
    activation = "torch.nn.modules.activation.Tanh"
    write(
        folder / "2_Dense" / "config.json",
        {"in_features": 384, "out_features": 10, "bias": True, "activation_function": activation},
    )
    torch.manual_seed(0)
    state = {f"linear.{name}": value for name, value in torch.nn.Linear(384, 10).state_dict().items()}
    save_file(state, folder / "2_Dense" / "model.safetensors")
    modules(folder, ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3", "Normalize"))
    write(folder / "sentence_bert_config.json", {"max_seq_length": 8, "do_lower_case": True})
    write(
        folder / "config_sentence_transformers.json",
        {"prompts": {"q": "Query: "}, "default_prompt_name": "q"},
    )
    made = TextEncoder(str(folder), device="cpu")
    identity = made.identities[0]
    assert identity.width == 10
    assert "at most 8 tokens" in identity.transform
    assert identity.transform.endswith("dense 384x10 Tanh; unit length")
    found = np.empty((len(TEXTS), 10), np.float32)
    for positions, (features,) in made.encode(TEXTS, lambda *_: None):
        found[positions] = features
    theirs = SentenceTransformer(str(folder), device="cpu")
    np.testing.assert_allclose(found, theirs.encode(TEXTS), atol=1e-5)


def test_the_revision_changes_with_every_file_that_shapes_a_feature_and_each_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def revision() -> str:
        return find_model(str(tmp_path)).revision

    (tmp_path / "model.safetensors").write_bytes(b"weights")
    write(tmp_path / "config.json", {})
    first = revision()
    (tmp_path / "README.md").write_text("words")
    write(tmp_path / ".cache" / "kept.json", {})
    assert revision() == first
    seen = {first}
    for name in ("tokenizer.json", "1_Pooling/config.json", "vocab.txt", "code.py"):
        write(tmp_path / name, {"a": 1})
        seen.add(revision())
    (tmp_path / "model.safetensors").write_bytes(b"weightS")
    os.utime(tmp_path / "model.safetensors", ns=(1, 1))  # same size: told apart by its time
    seen.add(revision())
    assert len(seen) == 6
    monkeypatch.setattr(hub_files, "sha256_of", None)  # calling it again would fail
    assert revision() in seen


def test_a_snapshot_of_the_hub_is_known_by_its_name_and_by_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "models--owner--small-model" / "snapshots" / COMMIT
    write(folder / "config.json", {})
    weights = folder / "model.safetensors"
    weights.write_bytes(b"weights")
    found = find_model(str(folder))
    assert found.name == "small-model"
    assert found.revision == hash_files(shaping_files(folder), folder)
    # The name still says the commit; a bit of the weights is another.
    weights.write_bytes(b"veights")
    assert find_model(str(folder)).revision != found.revision


@pytest.mark.parametrize(
    "modules",
    [
        "[{",
        "[{}]",
        '[{"path": ""}]',
        "{}x",
        '"words"',
        "[1]",
        "[" * 9000,
        '[{"type": "a.Transformer", "path": 3}]',
    ],
)
def test_steps_that_cannot_be_read_are_one_line(tmp_path: Path, modules: str) -> None:
    (tmp_path / "modules.json").write_text(modules)
    with pytest.raises(FileError, match=r"modules\.json: (is damaged|missing, or not JSON)"):
        read_pipeline(tmp_path, "cpu")


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# Model\n", "apache-2.0"),
        ('---\nlicense: "mit"\n---\n', "mit"),
        ("---\nlanguage: en\n---\nlicense: gpl\n", None),
        ("# Model\n\n---\nlicense: mit\n---\n", None),
        (None, None),
    ],
)
def test_licence_comes_from_the_front_matter_only(
    card: str | None, licence: str | None, tmp_path: Path
) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert licence_of(tmp_path) == licence


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: Callable[..., None]) -> Path:
    """An empty cache, offline."""
    needs("huggingface_hub")
    from huggingface_hub import _snapshot_download, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert constants.is_offline_mode(), "this test must never reach a hub"
    assert _snapshot_download.constants is constants
    return tmp_path / "hub"


def test_offline_and_not_there_names_the_cache_searched(cache: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        find_model("all-MiniLM-L6-v2", owner="sentence-transformers")
    line = str(raised.value)
    assert "\n" not in line
    assert str(cache) in line
    assert "offline mode is on" in line
    assert line.endswith("set HF_HOME to where models are kept, or give the model's folder.")
    for strange in ("../up", "a/b/c", "", "sp ace"):
        with pytest.raises(ConfigError, match="the model is not there"):
            find_model(strange, owner="sentence-transformers")


def test_a_cached_model_is_found_by_its_short_name(cache: Path) -> None:
    place = cache / "models--sentence-transformers--small"
    folder = place / "snapshots" / COMMIT
    write(folder / "config.json", {})
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    for name in ("small", "sentence-transformers/small"):
        found = find_model(name, owner="sentence-transformers")
        assert (found.name, found.folder) == ("small", folder)
        assert found.revision.startswith("sha256:")
        assert found.licence == "mit"


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"no_such_module cannot .*Install it: pip install 'outgrow\[text\]'\."
    ):
        need("text", "no_such_module")
