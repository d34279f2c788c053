"""A model child that dies in the step that reads a text with POISON in it."""

import os
import sys

from bot.generation import steps, worker


class Poisoned(steps.Steps):
    def run(self, plan):
        if plan.embeds:
            reading = self._readings[plan.embeds]
            first = len(reading.made)
            count = len(reading.next(self._model.together))
            if any("POISON" in text for text in reading.work.texts[first : first + count]):
                os.abort()
        return super().run(plan)


worker.Steps = Poisoned
worker.end(worker.main(sys.argv[1:]))
