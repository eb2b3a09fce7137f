"""How models are named: every form, and one line for each that cannot be."""

from __future__ import annotations

import json

import pytest

from outgrow.errors import ConfigError
from outgrow.features.model_spec import ModelSpec, anywhere, grouped, parse_model


@pytest.mark.parametrize(
    ("entry", "rows", "spec"),
    [
        ("all-MiniLM-L6-v2", "text", ("all-MiniLM-L6-v2", "text", "all-MiniLM-L6-v2", None)),
        ("org/model@-2", "text", ("model@-2", "text", "org/model", -2)),
        ("mid=org/model@3", "text", ("mid", "text", "org/model", 3)),
        ("a/b.onnx", "text", ("b.onnx", "onnx", "a/b.onnx", None)),
        ("static:minishlab/potion", "text", ("potion", "static", "minishlab/potion", None)),
        ("resnet18", "image", ("resnet18", "timm", "resnet18", None)),
        ("big=open_clip:ViT-B-32/laion", "image", ("big", "open_clip", "ViT-B-32/laion", None)),
        ("callable:my.code:f", "image", ("my.code:f", "callable", "my.code:f", None)),
    ],
)
def test_names(entry, rows, spec):
    assert parse_model(entry, rows) == ModelSpec(*spec)


def test_at_signs_in_paths_are_no_layers(tmp_path):
    folder = tmp_path / "me@work" / "mini@v2"
    folder.mkdir(parents=True)
    assert parse_model(str(folder), "text") == ModelSpec("mini@v2", "text", str(folder), None)
    assert parse_model(f"{folder}@3", "text") == ModelSpec("mini@v2@3", "text", str(folder), 3)
    assert parse_model("me@work/mini", "text").layer is None


def test_a_static_folder_is_recognised(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "model2vec"}))
    assert parse_model(str(tmp_path), "text").kind == "static"
    (tmp_path / "config.json").write_text(json.dumps({"normalize": False}))
    assert parse_model(str(tmp_path), "text").kind == "text"
    step = {"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}
    (tmp_path / "modules.json").write_text(json.dumps([step]))
    assert parse_model(str(tmp_path), "text").kind == "static"


@pytest.mark.parametrize(
    ("entry", "rows", "message"),
    [
        ("timm:resnet18", "text", "timm models do not read texts"),
        ("model@last", "text", "the layer 'last' is not a number"),
        ("a=onnx:", "text", "no model is named"),
        ("", "text", "no model is named"),
    ],
)
def test_refused(entry, rows, message):
    with pytest.raises(ConfigError, match=message):
        parse_model(entry, rows)


def test_layers_of_one_model_go_together():
    specs = [parse_model(entry, "text") for entry in ("m@2", "other", "m", "m@2")]
    assert [[spec.layer for spec in group] for group in grouped(specs)] == [[2, None], [None]]


def test_paths_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "net.onnx").touch()
    here = str(tmp_path)
    assert anywhere("small=model@3") == f"small={here}/model@3"
    assert anywhere("x=onnx:net.onnx") == f"x=onnx:{here}/net.onnx"
    assert anywhere("model") == f"{here}/model"
    for name in ("a=b", "x:y", "mini@8"):
        (tmp_path / name).mkdir()
        assert anywhere(name) == f"{here}/{name}"
        assert parse_model(anywhere(name), "text").model == f"{here}/{name}"
    assert anywhere("a=b@2") == "a=b@2"  # b, called a
    for entry in ("org/model@3", "callable:a.b:f", "timm:resnet18"):
        assert anywhere(entry) == entry
