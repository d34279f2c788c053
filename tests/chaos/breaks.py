"""What can break around a bot, each for as long as its block lasts."""

from contextlib import contextmanager

from tests.chaos.soaked import AWAY


class Breaks:
    """`postgres` and `redis` are the doors in front of them, `folder` is the bot's."""

    def __init__(self, house, postgres, redis, folder, dice):
        self._house, self._postgres, self._redis = house, postgres, redis
        self._folder, self._dice = folder, dice
        self.kinds = (
            self.redis_refuses, self.redis_is_silent, self.postgres_refuses, self.postgres_is_silent,
            self.postgres_cuts, self.the_connection_drops, self.all_is_told_thrice, self.the_model_fails,
            self.posts_fail,
        )  # fmt: skip

    def mend(self):
        """All is well again, wherever a block was cut short."""
        self._redis.restore()
        self._postgres.restore()
        self._house.mend()
        (self._folder / AWAY).unlink(missing_ok=True)

    @contextmanager
    def redis_refuses(self):
        self._redis.refuse()
        yield
        self._redis.restore()

    @contextmanager
    def redis_is_silent(self):
        self._redis.swallow()
        yield
        self._redis.restore()

    @contextmanager
    def postgres_refuses(self):
        self._postgres.refuse()
        yield
        self._postgres.restore()

    @contextmanager
    def postgres_is_silent(self):
        self._postgres.swallow()
        yield
        self._postgres.restore()

    @contextmanager
    def postgres_cuts(self):
        self._postgres.cut()
        yield

    @contextmanager
    def the_connection_drops(self):
        self._house.cut_connection()
        yield

    @contextmanager
    def all_is_told_thrice(self):
        self._house.repeat_events()
        yield
        self._house.mend()

    @contextmanager
    def the_model_fails(self):
        (self._folder / AWAY).touch()
        yield
        (self._folder / AWAY).unlink()

    @contextmanager
    def posts_fail(self):
        for _ in range(3):
            how = self._dice.choice([{"status": 500}, {"retry_after": 1}, {"drop": True}, {"drop": True, "done": True}])
            self._house.fail(self._dice.choice(["post", "ending"]), times=1, **how)
        yield
        self._house.mend()
