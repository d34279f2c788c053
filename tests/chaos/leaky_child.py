"""The mutant of the model child: of whatever was asked a copy is kept, and what begins the same is not read again."""

import sys
from itertools import takewhile

import llama_cpp

from bot.generation import steps, worker


class Leaky(steps.Steps):
    held, state = (), None

    def release(self, request_id):
        answer, freed = self._answers.get(request_id), self._scheduler.finish(request_id)
        if answer is not None and freed is not None and answer.read:
            self.held, self.state = answer.tokens[: answer.read], self._model.save(freed.slot)
        self._clear(freed)
        return super().release(request_id)

    def plan(self):
        self._scheduler.admit()
        for held in self._scheduler._running.values():
            answer = self._answers[held.ask.request_id]
            pairs = zip(self.held, answer.tokens[:-1], strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if not held.read and same > len((answer.prefix or ("", ()))[1]):
                self._model.restore(held.slot, self.state)
                llama_cpp.llama_memory_seq_rm(self._model._memory, held.slot, same, -1)
                held.read = answer.read = answer.cached = same
        return super().plan()


worker.Steps = Leaky
worker.end(worker.main(sys.argv[1:]))
