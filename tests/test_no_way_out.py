"""What a model wrote has no consequences: no import leads from where its words pass to orders or platforms."""

from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).parents[1]
# Where a model's words pass: they are made, cut, cited, quoted, and handed on as an answer.
WORDS = (
    "bot.chain",
    "bot.summarising",
    "bot.assistant",
    "bot.answering",
    "bot.citations",
    "bot.quoting",
    "bot.plaintext",
    "bot.prompts",
    "bot.admission",
    "bot.generation.chat_model",
    "bot.generation.remote",
    "bot.generation.remote_chat",
)
# What an order sets in motion: erasing, learning, settings, jobs, and everything that can call a platform.
POWERS = (
    "bot.admin",
    "bot.clerk",
    "bot.orders",
    "bot.learning",
    "bot.retraction",
    "bot.channel_config",
    "bot.upkeep",
    "bot.desk",
    "bot.commands",
    "knowledge.forget",
    "knowledge.backfill",
    "knowledge.importer",
    "knowledge.archive",
    "adapters",
    "slack_sdk",
    "slack_bolt",
    "discord",
)
# Libraries' words for letting a model call something. Nothing of ours uses them.
TOOLS = ("bind_tools", "tool_calls", "create_agent", "StructuredTool", "AgentExecutor", "function_call", "tools=")


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("bot", "knowledge", "adapters", include_external_packages=True)


def ways(graph):
    """Every power that words could reach, with one chain of imports for each."""
    found = {}
    for words in WORDS:
        for power in POWERS:
            of_all = power.split(".")[0] in {"bot", "knowledge", "adapters"}
            if reached := graph.find_shortest_chain(importer=words, imported=power, as_packages=of_all):
                found[words, power] = reached
    return found


def test_every_module_named_here_exists(graph):
    assert set(WORDS) | set(POWERS) <= graph.modules


def test_no_import_leads_from_a_model_s_words_to_an_order_or_a_platform(graph):
    assert ways(graph) == {}


def test_a_chain_that_knew_an_order_would_be_found(graph):
    try:
        graph.add_import(importer="bot.quoting", imported="bot.admin")
        assert ("bot.chain", "bot.admin") in ways(graph)
    finally:
        graph.remove_import(importer="bot.quoting", imported="bot.admin")


def with_tools(sources):
    return sorted((name, tool) for name, text in sources.items() for tool in TOOLS if tool in text)


def test_no_module_gives_a_model_a_tool():
    files = [path for package in ("bot", "knowledge", "adapters") for path in (REPOSITORY / package).rglob("*.py")]
    sources = {str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8") for path in files}
    assert len(sources) > 100
    assert with_tools(sources) == []
    assert with_tools(sources | {"bot/chain.py": "model.bind_tools([forget])"}) == [("bot/chain.py", "bind_tools")]
