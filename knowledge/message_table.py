"""Rows of the message table: the statements that write them, and the columns those take."""

import hashlib
from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from knowledge.messages import ChannelRef, MessageRef, PersonRef, SourceMessage, storable

Key = tuple[int, str]
"""A channel's key, and the platform's id of a message there."""

# Writers of one channel take turns, so that old terms and counts are read before anybody changes them.
# Terms are locked last and in order, so no two writers can wait for each other.
LOCK_CHANNELS = """
SELECT channel_pk, removed_at IS NOT NULL FROM channel WHERE channel_pk = ANY(%(channels)s)
ORDER BY channel_pk FOR NO KEY UPDATE"""

STORED = """
SELECT m.channel_pk, m.message_id, m.deleted, m.terms, m.thread_id, m.posted_at, m.seq
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS k (channel_pk, message_id)
JOIN message m USING (channel_pk, message_id)"""

UPSERT = """
INSERT INTO message AS m (channel_pk, message_id, edited_ts, event_ts, body, content_hash, author_pk, thread_id,
                          posted_at, seq, permalink, reactions, terms)
SELECT channel_pk, message_id, edited_ts, event_ts, body, content_hash, author_pk, thread_id,
       posted_at, seq, permalink, reactions, terms::integer[]
FROM unnest(%(channels)s::bigint[], %(ids)s::text[], %(edited)s::numeric[], %(event)s::numeric[], %(bodies)s::text[],
            %(hashes)s::bytea[], %(authors)s::bigint[], %(threads)s::text[], %(posted)s::timestamptz[],
            %(seqs)s::bigint[], %(links)s::text[], %(reactions)s::jsonb[], %(terms)s::text[])
    AS t (channel_pk, message_id, edited_ts, event_ts, body, content_hash, author_pk, thread_id,
          posted_at, seq, permalink, reactions, terms)
ON CONFLICT (channel_pk, message_id) DO UPDATE SET
    edited_ts = EXCLUDED.edited_ts, event_ts = EXCLUDED.event_ts, body = EXCLUDED.body,
    content_hash = EXCLUDED.content_hash, author_pk = EXCLUDED.author_pk, thread_id = EXCLUDED.thread_id,
    posted_at = EXCLUDED.posted_at, seq = EXCLUDED.seq, permalink = EXCLUDED.permalink, terms = EXCLUDED.terms,
    -- The report of an edit may leave the reactions out.
    reactions = CASE WHEN EXCLUDED.event_ts > 0 AND EXCLUDED.reactions = '{}' THEN m.reactions
                     ELSE EXCLUDED.reactions END,
    fresh = m.content_hash IS DISTINCT FROM EXCLUDED.content_hash,
    rev = m.rev + (m.content_hash IS DISTINCT FROM EXCLUDED.content_hash)::int
WHERE NOT m.deleted AND (EXCLUDED.edited_ts, EXCLUDED.event_ts) > (m.edited_ts, m.event_ts)
RETURNING channel_pk, message_id, message_pk, rev, fresh"""

# Where a line begins and ends in an old text says nothing of the new one. Until its family is cut again, the message
# is found by itself.
DROP_LINES = "DELETE FROM unit_line WHERE message_pk = ANY(%(messages)s)"

# A delete may come before the message: the row is then born as a tombstone.
TOMBSTONE = """
INSERT INTO message AS m (channel_pk, message_id, edited_ts, event_ts, deleted)
SELECT channel_pk, message_id, 'Infinity', 'Infinity', true
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS t (channel_pk, message_id)
ON CONFLICT (channel_pk, message_id) DO UPDATE SET
    deleted = true, body = NULL, content_hash = NULL, terms = NULL, permalink = NULL, reactions = '{}',
    edited_ts = 'Infinity', event_ts = 'Infinity'
WHERE NOT m.deleted
RETURNING channel_pk, message_id, message_pk, rev"""

# The vector of a unit is made from all of its lines: the whole unit goes, and is built again without the message.
DROP_UNITS = "DELETE FROM unit WHERE unit_pk IN (SELECT unit_pk FROM unit_line WHERE message_pk = ANY(%(messages)s))"

# When its first answer arrives, a message leaves the open talk of its day and becomes the root of a thread.
ROOTS = """
SELECT m.channel_pk, m.message_id, m.posted_at, m.seq
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS k (channel_pk, message_id)
JOIN message m USING (channel_pk, message_id) WHERE m.thread_id IS NULL AND NOT m.deleted"""

REACT = """
UPDATE message m SET reactions = CASE WHEN coalesce((reactions ->> %(emoji)s)::integer, 0) + %(delta)s > 0
    THEN reactions || jsonb_build_object(%(emoji)s::text, coalesce((reactions ->> %(emoji)s)::integer, 0) + %(delta)s)
    ELSE reactions - %(emoji)s::text END
FROM channel c WHERE c.channel_pk = m.channel_pk AND m.message_id = %(id)s AND NOT m.deleted
    AND (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)"""

# History says how many reactions there are; events, of which some may be missed, only what came and went.
RECOUNT = """
UPDATE message m SET reactions = t.reactions
FROM unnest(%(channels)s::bigint[], %(ids)s::text[], %(reactions)s::jsonb[]) AS t (channel_pk, message_id, reactions)
WHERE (m.channel_pk, m.message_id) = (t.channel_pk, t.message_id) AND NOT m.deleted AND m.reactions <> t.reactions"""

KNOWN = """
SELECT 1 FROM message m JOIN channel c USING (channel_pk) WHERE m.message_id = %(id)s
    AND (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)"""


def key_columns(keys: Sequence[Key]) -> dict[str, object]:
    """What names messages."""
    return {"channels": [key[0] for key in keys], "ids": [key[1] for key in keys]}


def ref_columns(ref: MessageRef) -> dict[str, object]:
    """What names one message by its platform's ids."""
    channel = ref.channel
    where = {"platform": channel.platform, "workspace": channel.workspace, "channel": channel.channel_id}
    return {**where, "id": ref.message_id}


def reaction_columns(messages: Sequence[SourceMessage], pks: Mapping[ChannelRef, int]) -> dict[str, object]:
    """What `RECOUNT` takes."""
    keys = [(pks[m.ref.channel], m.ref.message_id) for m in messages]
    return {**key_columns(keys), "reactions": [Jsonb(dict(m.reactions)) for m in messages]}


def columns(
    messages: Sequence[SourceMessage],
    pks: Mapping[ChannelRef, int],
    people: Mapping[PersonRef, tuple[int, str, bool]],
    terms: Mapping[Key, list[int]],
) -> dict[str, object]:
    """What `UPSERT` takes. `people`: the key, the name, and whether one opted out."""
    return {
        **reaction_columns(messages, pks),
        "edited": [m.version.edited_ts for m in messages],
        "event": [m.version.event_ts for m in messages],
        "bodies": [storable(m.text) for m in messages],
        "hashes": [hashlib.sha256(storable(m.text).encode()).digest() for m in messages],
        "authors": [people[m.author][0] if m.author is not None else None for m in messages],
        "threads": [m.thread_id for m in messages],
        "posted": [m.posted_at for m in messages],
        "seqs": [m.seq for m in messages],
        "links": [m.permalink for m in messages],
        "terms": ["{" + ",".join(map(str, terms[pks[m.ref.channel], m.ref.message_id])) + "}" for m in messages],
    }
