"""THREADLORE_MODEL__LORA: what is right, and the sentence for what is not."""

import json

import pytest

from bot.adapter_names import is_adapter_name
from bot.config import load_settings
from bot.errors import BadConfiguration

CELLAR = {"name": "cellar", "path": "/adapters/cellar.gguf"}


def loaded(monkeypatch, adapters, **settings):
    monkeypatch.setenv("THREADLORE_MODEL__LORA", adapters if isinstance(adapters, str) else json.dumps(adapters))
    for name, value in settings.items():
        monkeypatch.setenv(f"THREADLORE_MODEL__{name}", value)
    return load_settings().model.lora


def test_several_are_named_with_their_files_and_scales(monkeypatch):
    barn, cellar = loaded(monkeypatch, [{"name": "barn-2", "path": "b.gguf", "scale": 0.5}, CELLAR])
    assert (barn.name, str(barn.path), barn.scale) == ("barn-2", "b.gguf", 0.5)
    assert (cellar.name, cellar.scale) == ("cellar", 1.0)


def test_on_a_server_the_name_says_all(monkeypatch):
    (cellar,) = loaded(monkeypatch, [{"name": "cellar"}], URL="http://127.0.0.1:1/v1", NAME="m")
    assert (cellar.name, cellar.path) == ("cellar", None)


@pytest.mark.parametrize(
    ("adapters", "says"),
    [
        ([CELLAR, CELLAR], "THREADLORE_MODEL__LORA: the adapter cellar is there twice"),
        ([{"name": "cellar"}], "THREADLORE_MODEL__LORA: the adapter cellar needs a path"),
        ([CELLAR | {"name": "default"}], "THREADLORE_MODEL__LORA__0__NAME: must be at most 32 small letters"),
        ([CELLAR | {"name": "The Cellar"}], "THREADLORE_MODEL__LORA__0__NAME: must be"),
        ([CELLAR | {"name": "a" * 33}], "THREADLORE_MODEL__LORA__0__NAME: must be"),
        ([CELLAR | {"scale": 0}], "THREADLORE_MODEL__LORA__0__SCALE"),
        ([CELLAR | {"file": "x"}], "THREADLORE_MODEL__LORA__0__FILE: there is no such setting"),
        ("cellar", "settings"),
    ],
)
def test_what_cannot_be_is_one_sentence(monkeypatch, adapters, says):
    with pytest.raises(BadConfiguration, match=says):
        loaded(monkeypatch, adapters)


@pytest.mark.parametrize("more", [{"path": "x.gguf"}, {"scale": 0.5}])
def test_a_servers_adapter_has_no_file_here(monkeypatch, more):
    with pytest.raises(BadConfiguration, match="the adapter cellar is a model of the server: leave its path"):
        loaded(monkeypatch, [{"name": "cellar", **more}], URL="http://127.0.0.1:1/v1", NAME="m")


def test_names_are_short_and_small_and_of_plain_letters():
    assert all(map(is_adapter_name, ["a", "cellar-2", "v1.2_b", "2024"]))
    assert not any(map(is_adapter_name, ["", "default", "-a", "Cellar", "a b", "größe", "a" * 33, "a\n"]))
