"""A connected platform that keeps nothing but the last word of each answer's fate: for runs of many questions."""

import time
from collections import Counter

from bot.conversation import Question, Request, Task
from bot.requests import answer_id_of, conversation_of
from knowledge.messages import Members, Person
from knowledge.scope import Audience
from tests.talk import WORKSPACE, channel, person


def asked(number, text, *, who="quince", where="general"):
    answer_id = answer_id_of("test", WORKSPACE, where, f"{number}.5", Task.ANSWER)
    return Request(answer_id, channel(where), text, person(who), f"{number}.5")


class QuietPlatform:
    """An adapter and its platform in one. By the answer's id: `said`, its fate, and `seconds`, how long it took.

    `asked_at` says when the questions were asked.
    """

    name = "test"
    routes = ()
    reader_kinds = ()

    def __init__(self):
        self.outcomes = Counter()
        self.seconds = {}
        self.asked_at = {}
        self.said = {}

    @property
    def platform(self):
        return self

    async def ask(self, app, request):
        self.asked_at[request.answer_id] = time.monotonic()
        await app.desk.answers.ask(request)

    async def reply_to(self, request, places, *, resumed):
        return QuietReply(self, request)

    async def question(self, request):
        where = Audience(channel=request.channel)
        talk = conversation_of(request.channel, request.thread_id or request.message_id)
        return Question(request.answer_id, request.text, where, request.asker, talk)

    async def offer_privately(self, request):
        pass

    async def withdraw(self, request, places):
        pass

    async def person(self, ref):
        return Person(ref, ref.person_id)

    async def members(self, ref):
        return Members(ref, ())

    async def close(self):
        pass

    def ended(self, request, outcome):
        self.outcomes[outcome] += 1
        self.said[request.answer_id] = outcome
        self.seconds[request.answer_id] = time.monotonic() - self.asked_at.pop(request.answer_id)


class QuietReply:
    def __init__(self, platform, request):
        self._platform = platform
        self._request = request
        self.places = ()

    async def waiting(self, place):
        pass

    async def write(self, text):
        pass

    async def finish(self, answer):
        self._platform.ended(self._request, answer.outcome.value)

    async def fail(self, sentence):
        self._platform.ended(self._request, sentence)
