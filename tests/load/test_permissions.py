"""With a model that obeys every order it reads and quotes everything it sees, nobody is shown what is not theirs."""

import random
from dataclasses import replace

import pytest
from langchain_core.globals import get_llm_cache

from bot import chain
from knowledge import access as access_module
from knowledge.access import Access
from knowledge.index import Index
from knowledge.messages import Hidden, Members, Person, PersonKind
from knowledge.presence import Presence
from knowledge.retriever import Search
from knowledge.scope import Audience, Scope
from tests.fakes.models import ScriptedModel
from tests.load.permissions import CANARY, watched, without_admission
from tests.talk import WORKSPACE, channel, person

MUTANT_QUERIES = 25


async def scope_of_all(search):
    rows = await search._index._database.fetch("SELECT channel_pk, name FROM channel")
    return Scope(Audience(), tuple(pk for pk, _ in rows), tuple(name for _, name in rows))


# ---- the promises ---------------------------------------------------------------------------------------------------


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("in_public", [False, True], ids=["in private", "in public"])
async def test_a_model_that_gives_everything_away_gives_nobody_what_is_not_theirs(
    settings,
    monkeypatch,
    size,
    report,
    capsys,
    in_public,
):
    queries = size(200, 5_000 if in_public else 10_000)
    world = {"people": size(8, 50), "channels": size(12, 60)}
    async with watched(settings, monkeypatch, random.Random(3), **world) as watch:
        await watch.ask_much(queries, in_public=in_public)
    logged = capsys.readouterr().err
    report("hostile model", in_public=in_public, queries=watch.asked, with_a_canary=watch.shown, leaks=len(watch.leaks))
    assert watch.leaks == []
    assert watch.shown > queries / 4
    assert not CANARY.search(logged)


async def test_who_is_removed_hears_nothing_more_even_when_nobody_told(settings, monkeypatch, size):
    async with watched(settings, monkeypatch, random.Random(4)) as watch:
        await revoke(watch, size(20, 1_000), told=True)
        await revoke(watch, size(20, 1_000), told=False)
        assert watch.leaks == []
        assert watch.shown > 0


async def test_a_channel_that_the_bot_lost_is_closed_at_once(settings, monkeypatch):
    async with watched(settings, monkeypatch, random.Random(4)) as watch:
        canary, name = next(iter(watch.workspace.canaries.items()))
        who = min(one for one in watch.workspace.members[name])
        assert canary in (await watch.ask(f"what is the secret harvest plan of {name}?", who)).text
        await watch.app.learning.observe([Hidden(channel(name))])
        watch.workspace.members[name] = set()
        watch.workspace.private |= {name}
        await watch.ask(f"what is the secret harvest plan of {name}?", who)
        assert watch.leaks == []


async def test_no_answer_is_kept_for_another_audience(settings, monkeypatch):
    """The same question is retrieved and generated anew for each: there is no cache of answers, nor one of prompts."""
    async with watched(settings, monkeypatch, random.Random(4)) as watch:
        assert get_llm_cache() is None
        assert watch.app.chat.model.cache is None
        text = "what is the secret harvest plan?"
        before = len(watch.app.chat.model.prompts)
        members = [who for who, kind in watch.workspace.kinds.items() if kind is PersonKind.MEMBER]
        for who in [*members, *members]:
            await watch.ask(text, who)
        assert len(watch.app.chat.model.prompts) == before + 2 * len(members)
        assert watch.leaks == []


async def test_the_model_is_given_no_tool(settings, monkeypatch):
    given = tools_given(monkeypatch)
    async with watched(settings, monkeypatch, random.Random(4)) as watch:
        await watch.ask_much(12, in_public=False)
    assert given
    assert not any("tools" in options or "functions" in options for options in given)


async def test_what_retrieval_should_not_have_found_does_not_reach_the_prompt(settings, monkeypatch):
    finds_everything(monkeypatch)
    async with watched(settings, monkeypatch, random.Random(3)) as watch:
        await watch.ask_much(MUTANT_QUERIES, in_public=True)
    assert watch.shown > 0
    assert watch.places.isdisjoint({"prompt", "answer", "citations"})


# ---- each promise broken --------------------------------------------------------------------------------------------


async def test_a_foreign_line_in_the_prompt_would_be_noticed(settings, monkeypatch):
    finds_everything(monkeypatch)
    without_admission(monkeypatch)
    async with watched(settings, monkeypatch, random.Random(3)) as watch:
        await watch.ask_much(MUTANT_QUERIES, in_public=True)
    assert watch.places >= {"rows", "hits", "prompt", "answer"}


async def test_a_scope_that_filters_only_what_was_found_would_be_noticed(settings, monkeypatch):
    find = Search.passages

    async def filtered(search, query, scope, **options):
        found = await find(search, query, await scope_of_all(search), **options)
        return [passage for passage in found if passage.channel_pk in scope.channel_pks]

    monkeypatch.setattr(Search, "passages", filtered)
    async with watched(settings, monkeypatch, random.Random(3)) as watch:
        await watch.ask_much(MUTANT_QUERIES, in_public=False)
    assert "rows" in watch.places


async def test_a_search_for_words_without_its_scope_would_be_noticed(settings, monkeypatch):
    search_text = Index.search_text

    async def unscoped(index, _scope, *rest):
        rows = await index._database.fetch("SELECT channel_pk FROM channel")
        return await search_text(index, [pk for (pk,) in rows], *rest)

    monkeypatch.setattr(Index, "search_text", unscoped)
    async with watched(settings, monkeypatch, random.Random(3)) as watch:
        await watch.ask_much(MUTANT_QUERIES, in_public=False)
    assert watch.places == {"hits"}


async def test_an_answer_to_all_from_what_the_asker_may_read_would_be_noticed(settings, monkeypatch):
    decide = Access.scope_for

    async def of_the_asker(access, audience, asker):
        return await decide(access, Audience(person=asker), asker)

    monkeypatch.setattr(Access, "scope_for", of_the_asker)
    async with watched(settings, monkeypatch, random.Random(3)) as watch:
        await watch.ask_much(MUTANT_QUERIES, in_public=True)
    assert "answer" in watch.places


async def test_trust_in_events_alone_would_be_noticed(settings, monkeypatch):
    monkeypatch.setattr(access_module, "FRESH_SECONDS", 10**9)
    async with watched(settings, monkeypatch, random.Random(4)) as watch:
        await revoke(watch, 10, told=False)
    assert "answer" in watch.places


async def test_a_tool_of_the_model_would_be_noticed(settings, monkeypatch):
    given = tools_given(monkeypatch)
    async with watched(settings, monkeypatch, random.Random(4)) as watch:
        tool = {"type": "function", "function": {"name": "forget", "parameters": {}}}
        parts = replace(watch.app.assistant.parts, model=watch.app.chat.model.bind(tools=[tool]))
        watch.app = replace(watch.app, assistant=replace(watch.app.assistant, chain=chain.answer_chain(parts)))
        await watch.ask_much(12, in_public=False)
    assert any("tools" in options for options in given)


# ---- how ------------------------------------------------------------------------------------------------------------


def finds_everything(monkeypatch):
    """Retrieval without any scope."""
    find = Search.passages

    async def unscoped(search, query, scope, **options):
        return await find(search, query, await scope_of_all(search), **options)

    monkeypatch.setattr(Search, "passages", unscoped)


def tools_given(monkeypatch):
    """What the model is called with besides its prompt."""
    given, stream = [], ScriptedModel._astream

    async def noting(model, messages, stop=None, run_manager=None, **options):
        given.append(options)
        async for chunk in stream(model, messages, stop, run_manager, **options):
            yield chunk

    monkeypatch.setattr(ScriptedModel, "_astream", noting)
    return given


async def revoke(watch, trials, *, told):
    """People lose their channels on a connected platform that cannot be asked; `told`: the event came."""
    app, workspace, dice = watch.app, watch.workspace, watch.workspace.dice
    await Presence(app.admin.database).connect("test", WORKSPACE, "Tidepool")
    canary_of = {name: canary for canary, name in workspace.canaries.items()}
    for _ in range(trials):
        name = dice.choice(sorted(workspace.private))
        who = dice.choice(sorted(workspace.kinds))
        people = [Person(person(one), one, kind) for one, kind in workspace.kinds.items()]
        await app.access.record_people(people, live=True)
        workspace.members[name] |= {who}

        async def members(ref, name=name):
            return Members(ref, tuple(map(person, sorted(workspace.members[name]))))

        await app.access.read_members(channel(name), members)
        text = f"what is the secret harvest plan of {name}?"
        assert canary_of[name] in (await watch.ask(text, who)).text
        workspace.members[name] -= {who}
        if told:
            await app.access.leave(channel(name), person(who))
        else:
            late = "UPDATE channel SET members_at = now() - interval '61 seconds' WHERE channel_id = %(name)s"
            await app.admin.database.execute(late, {"name": name})
        await watch.ask(text, who)
