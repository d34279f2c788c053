"""Nothing stored is ever brought back to life: no pickle, no cache that pickles, none of LangChain's loaders."""

import ast
from pathlib import Path

import pytest

PACKAGES = ("bot", "knowledge", "adapters")
REPOSITORY = Path(__file__).parents[1]
FORBIDDEN = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "diskcache", "joblib", "yaml"),
    *("langchain_core.load", "langchain.load", "langchain_core.load.load"),
}
CACHES = {"LlamaDiskCache", "LlamaRAMCache", "LlamaCache", "set_cache"}


def found_in(source: str) -> set[str]:
    """What a module imports or names of all that."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules = {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                modules = {module, *(f"{module}.{alias.name}" for alias in names)}
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in CACHES:
                found.add(name)
                continue
            case _:
                continue
        found |= {name for name in modules for one in FORBIDDEN if name == one or name.startswith(f"{one}.")}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_unpickles_or_revives_what_was_stored(package):
    files = sorted((REPOSITORY / package).rglob("*.py"))
    assert files
    assert {str(file): found for file in files if (found := found_in(file.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import diskcache as d",
        "from langchain_core.load import loads",
        "from langchain_core import load",
        "def f(x):\n    from langchain_core.load.load import load\n",
        "llama_cpp.LlamaDiskCache('x')",
        "model.set_cache(None)",
    ],
)
def test_the_checker_catches_each_way(source):
    assert found_in(source)
