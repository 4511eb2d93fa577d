"""What the session spends and sends, kept together: the meter with its caps, and the log of what left this machine."""

from narrator.spending import Spending


class Accounts:
    def __init__(self, settings):
        self.spending = Spending()

    def add(self, usage):
        return self.spending.add(usage)

    def meter(self):
        return self.spending.meter()

    def record(self, run, prompt, tokens): ...

    def close(self): ...
