"""What a bot process can be told to do wrong, by name: each breaks the one thing that a promise rests on."""

import os
import time
from dataclasses import replace
from uuid import uuid4

import knowledge.archive
from bot.inbox import PostgresInbox
from bot.outbox import Outbox
from tests.fakes.models import ScriptedModel


def known_by_event():
    """The same event is known again. That two events bring one question is not."""
    sound = Outbox.open

    async def open_anew(outbox, request):
        return await sound(outbox, replace(request, answer_id=str(uuid4())))

    Outbox.open = open_anew


def known_by_memory():
    """What came before is remembered, events and questions, but by each process for itself."""
    accept, open_question, known = PostgresInbox.accept, Outbox.open, set()

    def is_known(key):
        seen = key in known
        known.add(key)
        return seen

    async def accept_by_memory(inbox, delivery):
        key = f"{delivery.delivery_id}:{os.getpid()}"
        return not is_known(key) and await accept(inbox, replace(delivery, delivery_id=key))

    async def open_by_memory(outbox, request):
        return not is_known(request.answer_id) and await open_question(outbox, replace(request, answer_id=str(uuid4())))

    PostgresInbox.accept, Outbox.open = accept_by_memory, open_by_memory


def generation_on_the_loop():
    """The model works where everybody waits for a turn."""
    sound = ScriptedModel._astream

    async def work(model, *arguments, **more):
        time.sleep(model.delay_seconds)
        async for chunk in sound(model, *arguments, **more):
            yield chunk

    ScriptedModel._astream = work


def old_words_kept():
    """An edit adds its words to those of before."""
    statement = knowledge.archive.UPSERT.replace("terms = EXCLUDED.terms", "terms = m.terms || EXCLUDED.terms")
    knowledge.archive.UPSERT = statement


MUTANTS = {one.__name__: one for one in (known_by_event, known_by_memory, generation_on_the_loop, old_words_kept)}
