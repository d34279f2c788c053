"""The books beside the messages: how often terms occur, how long channels are, what is dirty. Written once a batch."""

from collections import Counter

from knowledge.database import Connection

COUNT_TERMS = """
INSERT INTO term AS t (term, df)
SELECT term, delta FROM unnest(%(terms)s::integer[], %(deltas)s::integer[]) AS d (term, delta) ORDER BY term
ON CONFLICT (term) DO UPDATE SET df = t.df + EXCLUDED.df"""

COUNT_CHANNELS = """
UPDATE channel c SET live_count = c.live_count + d.live, term_count = c.term_count + d.terms
FROM unnest(%(channels)s::bigint[], %(live)s::bigint[], %(terms)s::bigint[]) AS d (channel_pk, live, terms)
WHERE c.channel_pk = d.channel_pk"""

MARK_DIRTY = """
INSERT INTO dirty AS d (channel_pk, family)
SELECT DISTINCT channel_pk, family FROM unnest(%(channels)s::bigint[], %(families)s::text[]) AS t (channel_pk, family)
ORDER BY channel_pk, family
ON CONFLICT (channel_pk, family) DO UPDATE SET version = d.version + 1, tries = 0, reason = NULL"""


class Ledger:
    """Collects what a batch does to counts and families, to write each count once, in a fixed order."""

    def __init__(self) -> None:
        self._df: Counter[int] = Counter()
        self._live: Counter[int] = Counter()
        self._terms: Counter[int] = Counter()
        self._dirty: set[tuple[int, str]] = set()

    def replace(self, channel_pk: int, old: list[int] | None, new: list[int] | None) -> None:
        """A message's terms changed; None: there was, or is, no message."""
        if old is not None:
            self._df.subtract(set(old))
            self._live[channel_pk] -= 1
            self._terms[channel_pk] -= len(old)
        if new is not None:
            self._df.update(set(new))
            self._live[channel_pk] += 1
            self._terms[channel_pk] += len(new)

    def mark(self, channel_pk: int, family: str) -> None:
        """A family must be rebuilt."""
        self._dirty.add((channel_pk, family))

    def forget_channel_counts(self) -> None:
        """Keeps channel counts out of it: the channel's were set to zero already."""
        self._live.clear()
        self._terms.clear()

    async def settle(self, connection: Connection) -> None:
        """Writes everything. The last thing a transaction does: terms are locked here."""
        if self._dirty:
            channels, families = zip(*sorted(self._dirty), strict=True)
            await connection.execute(MARK_DIRTY, {"channels": list(channels), "families": list(families)})
        if self._live:
            channels_changed = sorted(self._live)
            await connection.execute(
                COUNT_CHANNELS,
                {
                    "channels": channels_changed,
                    "live": [self._live[pk] for pk in channels_changed],
                    "terms": [self._terms[pk] for pk in channels_changed],
                },
            )
        changed = {term: delta for term, delta in self._df.items() if delta}
        if changed:
            await connection.execute(COUNT_TERMS, {"terms": list(changed), "deltas": list(changed.values())})
