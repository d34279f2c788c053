"""A model child that dies in the step in which a prompt with POISON in it would get its third token."""

import os
import sys

from bot.generation import steps, worker

WRITTEN = 2


class Poisoned(steps.Steps):
    def run(self, plan):
        for request_id in plan.request_ids:
            answer = self._answers[request_id]
            if answer.written == WRITTEN and any("POISON" in one.text for one in answer.request.segments):
                os.abort()
        return super().run(plan)


worker.Steps = Poisoned
worker.end(worker.main(sys.argv[1:]))
