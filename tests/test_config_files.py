"""A configuration file sets every setting of every verb, with its type, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from outgrow import api
from outgrow.cli import app
from outgrow.config import from_toml, to_toml
from outgrow.errors import OutgrowError

VERBS = ("run", "encode", "forecast", "rank", "plan", "sweep", "reproduce", "measure", "demo")


def kind_of(verb):
    hint = next(one.hint for one in app[verb].assemble_argument_collection() if one.names == ("*",))
    return next((part for part in get_args(hint) if part is not type(None)), hint)


def another(hint: Any, default: Any) -> Any:
    """A value of the type that is not the default."""
    if get_origin(hint) is tuple:
        return [another(get_args(hint)[0], None)] * 2
    parts = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) is Literal:
        return next(one for one in get_args(hint)[::-1] if one != default)
    if hasattr(hint, "__metadata__") or type(None) in get_args(hint):
        return another(parts[0], default)
    return {bool: default is False, int: 7, float: 0.25, str: "words"}[hint]


@pytest.fixture
def given(monkeypatch, refused, tmp_path):
    """What a verb's function gets of a command line, its configuration first."""
    monkeypatch.chdir(tmp_path)

    def ask(verb, text, *words):
        seen: dict[str, Any] = {}

        def stop(*args, **options):
            seen["config"] = next(one for one in args if hasattr(one, "model_fields_set"))
            raise OutgrowError("seen")

        monkeypatch.setattr(api, verb, stop)
        Path("c.toml").write_text(text)
        name = ["movies"] if verb == "reproduce" else []
        out = [] if verb == "measure" else ["--out", "out"]
        line = refused([verb, *name, "--config", "c.toml", *out, *words])
        return seen.get("config"), line

    return ask


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_stands_in_the_configuration_that_is_written(given, verb):
    import json

    kind = kind_of(verb)
    values = {name: another(field.annotation, field.default) for name, field in kind.model_fields.items()}
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
    config, err = given(verb, text)
    assert config is not None, err
    assert config.model_dump(mode="json") == values
    assert from_toml(to_toml(config), kind, "here") == config


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["out", "overwrite", "allow_code", "json", "jobs", "plan", "report", "run"])
def test_what_is_no_setting_is_refused(given, verb, name):
    config, err = given(verb, f"{name} = true")
    assert config is None
    assert name in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('seed = "5"', "seed: input should be a valid integer"),
        ("seed = true", "seed: input should be a valid integer"),
        ("title = 5", "title: input should be a valid string"),
        ("test = 1979-05-27", "test: input should be a valid number"),
        ('rank = ["2"]', "rank: input should be a valid integer"),
        ("a = " + "[" * 5000, "is not valid TOML"),
        ("weak = ['weak.npy'", "is not valid TOML"),
        ("[run]\nseed = 2", "holds the table [run]. Write options without a table."),
        ("sead = 2", "there is no option 'sead'. Did you mean 'seed'?"),
        ("zebra = 2", "there is no option 'zebra'. --help lists the options."),
    ],
)
@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_types_and_options_are_checked_as_the_file_gives_them(given, verb, text, line):
    config, err = given(verb, text)
    assert config is None
    assert f"c.toml: {line}" in err


def test_the_command_line_stands_above_the_file(given):
    text = 'weak = "a.npy"\nstrong = "b.npy"\nrank = [2, 3]\nn = 5\n'
    config, _ = given("run", text, "--n", "9", "--rank", "4")
    assert (config.n, config.rank, config.weak) == (9, (4,), ("a.npy",))


def test_a_file_from_elsewhere_runs_no_code(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("text,label\ntouch OWNED,1\nb,2\n")
    text = 'input = "data.csv"\nmodel = ["callable:subprocess:getoutput"]\n'
    for more in ("", 'allow_code = ["subprocess:getoutput"]\n', 'allow-code = ["subprocess:getoutput"]\n'):
        Path("e.toml").write_text(text + more)
        refused("encode --config e.toml")
    assert not Path("OWNED").exists()


def test_a_named_pipe_is_no_configuration(tmp_path, refused):
    os.mkfifo(tmp_path / "c.toml")
    assert "is a named pipe" in refused(["run", "--config", str(tmp_path / "c.toml"), "--out", "out"])


@pytest.mark.parametrize(
    ("shell", "status", "said"),
    [
        ("{} --help >/dev/full", 2, b"no space left on device"),
        ("{} --help >&-", 2, b"standard output is closed"),
        ("{} --help 2>&- >/dev/full", 2, b""),
        ("{} --help | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}", 0, b""),
        ("mkdir d; cd d; rmdir ../d; {} measure --weak a.npy --strong b.npy", 2, b"a.npy: no such file"),
        ("mkdir d; cd d; rmdir ../d; {} run --weak a.npy --strong b.npy --out o", 2, b"no such file"),
        ("{} verify $'\\xe9\\e[31m'", 2, b"?[31m: is not UTF-8 text"),
        ("{} verify $'\\e[31m'", 2, b"?[31m"),
        ("{} verify $(printf %0300d)", 2, b"outgrow: 000"),
    ],
)
def test_broken_surroundings_are_one_line(tmp_path, shell, status, said):
    call = f"{sys.executable} -c 'from outgrow.cli import main; main()'"
    ended = subprocess.run(
        ["bash", "-c", shell.format(call)], cwd=tmp_path, capture_output=True, check=False, timeout=600
    )
    assert ended.returncode == status, ended.stderr
    assert ended.stderr.count(b"\n") == bool(said), ended.stderr
    assert said in ended.stderr
    assert b"\x1b" not in ended.stderr
