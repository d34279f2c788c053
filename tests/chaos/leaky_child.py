"""The mutant of the model child: after an answer nothing is forgotten, and whatever begins the same is reused."""

import sys
from itertools import takewhile

from bot.generation import steps, worker


class Leaky(steps.Steps):
    held = ()

    def release(self, request_id):
        answer = self._answers.get(request_id)
        self.held = answer.tokens if answer is not None else self.held
        return super().release(request_id)

    def _begin(self, request):
        answer = super()._begin(request)
        pairs = zip(self.held, answer.tokens[:-1], strict=False)
        answer.cached = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return answer


worker.Steps = Leaky
worker.end(worker.main(sys.argv[1:]))
