"""The mutant of the model child: after an answer nothing is forgotten; what begins the same is not read again."""

import sys
from itertools import takewhile

from bot.generation import steps, worker


class Leaky(steps.Steps):
    held = ()

    def release(self, request_id):
        answer = self._answers.pop(request_id, None)
        if answer is None:
            return super().release(request_id)
        self._model.close_sampler(answer.sampler)
        self.held = answer.tokens[: answer.read]
        return steps._finished(answer, "cancelled")

    def _begin(self, request):
        trim, self._model.trim = self._model.trim, lambda _keep: True
        answer = super()._begin(request)
        self._model.trim = trim
        pairs = zip(self.held, answer.tokens[:-1], strict=False)
        answer.read = answer.cached = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        trim(answer.cached)
        return answer


worker.Steps = Leaky
worker.end(worker.main(sys.argv[1:]))
