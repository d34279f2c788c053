"""A model file is a stranger's: it is the one that was chosen, it runs nothing, and its process has nothing to give."""

import ast
import sys
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path

import pytest

import bot
from bot.errors import BadConfiguration, DependencyDown
from bot.generation import model_files
from bot.generation.engine import Engine
from bot.generation.model_files import models_directory, packaged_file
from bot.generation.sequence import ModelSpec
from bot.generation.templates import ChatTurn, asks_for_thought, family_of, render
from bot.model_catalogue import CHOICES
from bot.models import ChatSpec, open_chat_model

ROOT = Path(bot.__file__).parent.parent
PACKAGES = ("bot", "knowledge", "adapters")
# What keeps pickles on a disk, and what runs the template of a model file.
FORBIDDEN = ("LlamaDiskCache", "LlamaCache", "set_cache", "diskcache", "jinja2", "Jinja2ChatFormatter", "pickle")


def spec(path, **more):
    empty = dict.fromkeys(("url", "name", "threads", "sha256", "prompt_tokens"))
    given = {"api_key": "", "gpu_layers": 0, "context": 512, "max_tokens": 8, "temperature": 0.0}
    return ChatSpec(path=path, **{**empty, **given, **more})


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF\3\0\0\0" + bytes(1000))
    return path


async def test_a_file_without_the_checksum_that_was_set_is_not_loaded(model, tmp_path):
    async with AsyncExitStack() as stack:
        right = sha256(model.read_bytes()).hexdigest()
        await open_chat_model(spec(model, sha256=right), tmp_path, stack)
        model.write_bytes(model.read_bytes() + b"more")
        with pytest.raises(BadConfiguration, match="THREADLORE_MODEL__SHA256 says") as error:
            await open_chat_model(spec(model, sha256=right), tmp_path, stack)
    assert error.value.exit_code == 78


async def test_a_file_that_was_fetched_is_that_of_the_catalogue_and_one_elsewhere_may_be_anything(model, tmp_path):
    choice = next(one for one in CHOICES if one.verified and one.kind == "chat")
    models_directory(tmp_path).mkdir()
    async with AsyncExitStack() as stack:
        elsewhere = model.replace(tmp_path / choice.file)
        await open_chat_model(spec(elsewhere), tmp_path, stack)
        fetched = elsewhere.replace(models_directory(tmp_path) / choice.file)
        with pytest.raises(BadConfiguration, match="the catalogue says"):
            await open_chat_model(spec(fetched), tmp_path, stack)


def test_a_packaged_model_is_the_one_that_is_known():
    for package, name, known in (model_files.CHAT_SOURCE, model_files.EMBEDDING_SOURCE):
        assert packaged_file(package, name, known).name == name
        with pytest.raises(DependencyDown, match="Install the version"):
            packaged_file(package, name, "0" * 64)


def names_in(source):
    """Everything that a piece of source imports, calls or reaches into."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (part for one in names for part in one.name.split("."))
                yield from (getattr(node, "module", None) or "").split(".")


def forbidden_in(source):
    return set(FORBIDDEN) & set(names_in(source))


def test_nobody_keeps_pickles_and_nobody_runs_the_template_of_a_model_file():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert not forbidden_in(path.read_text()), path


@pytest.mark.parametrize(
    "mutant",
    [
        "from llama_cpp import LlamaDiskCache\nLlamaDiskCache()",
        "import llama_cpp\nmodel.set_cache(llama_cpp.LlamaCache())",
        "import diskcache as d\nd.Cache('x')",
        "from jinja2.sandbox import Environment",
    ],
)
def test_who_did_would_be_found(mutant):
    assert forbidden_in(mutant)


def test_a_template_is_searched_for_its_marks_and_changes_nothing_else():
    poisoned = "{{ self.__init__.__globals__['os'].system('touch /tmp/x') }}<|im_start|>{% for m in messages %}"
    turns = [ChatTurn("user", "Where is the tide table?")]
    assert render(turns, family_of(poisoned), thinks=asks_for_thought(poisoned)) == render(turns, "chatml")


def network_of(pid):
    return Path(f"/proc/{pid}/ns/net").readlink()


@pytest.mark.model
async def test_the_models_process_leaves_no_core_and_gives_its_network_up_where_it_may(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=256, gpu_layers=0))
    try:
        loaded = await engine.start()
        limits = Path(f"/proc/{engine.pid}/limits").read_text()
        apart = network_of(engine.pid) != network_of("self")
        devices = Path(f"/proc/{engine.pid}/net/dev").read_text().count(":")
    finally:
        await engine.close()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
    assert apart is not loaded.has_network
    assert devices == 1 or loaded.has_network


@pytest.mark.model
async def test_a_child_that_keeps_its_network_says_so(chat_file):
    stubborn = (
        "import sys, bot.confinement as c\n"
        "c.give_up_network = lambda: False\n"
        "from bot.generation import worker\n"
        "worker.end(worker.main([]))\n"
    )
    engine = Engine(ModelSpec(str(chat_file), n_ctx=256, gpu_layers=0), command=(sys.executable, "-c", stubborn))
    try:
        loaded = await engine.start()
        assert network_of(engine.pid) == network_of("self")
    finally:
        await engine.close()
    assert loaded.has_network
