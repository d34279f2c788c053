"""Who will read an answer, and which channels it may therefore draw from. No I/O.

scope = readable(asker) ∩ readable(everyone who will see the answer). Decided before retrieval.
"""

from dataclasses import dataclass

from knowledge.messages import ChannelRef, PersonKind, PersonRef, Visibility


@dataclass(frozen=True, slots=True)
class Audience:
    """Who will see the answer: a channel's readers, one person, or the operator (both None)."""

    channel: ChannelRef | None = None
    person: PersonRef | None = None

    @property
    def key(self) -> str:
        """A stable name: memory kept for one audience is never read for another."""
        if self.channel is not None:
            ref = self.channel
            return f"channel:{ref.platform}:{ref.workspace}:{ref.channel_id}"
        if self.person is not None:
            who = self.person
            return f"person:{who.platform}:{who.workspace}:{who.person_id}"
        return "operator"


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What the database knows of a channel, as far as reading it goes.

    `fresh`: the list of its members is recent enough to be relied on. Without a connected platform it always is.
    `readers`: channels where this is the same, and not empty, have the same readers.
    """

    channel_pk: int
    ref: ChannelRef
    name: str
    visibility: Visibility
    shared: bool
    has_guests: bool
    fresh: bool = True
    readers: str = ""


@dataclass(frozen=True, slots=True)
class AskerFacts:
    """What the database knows of who asks: the account, its kind, whether active, the channels joined.

    `fresh`: the platform described the account recently enough.
    """

    ref: PersonRef
    kind: PersonKind
    active: bool
    joined: frozenset[int]
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """The channels an answer may draw from, and whom it was computed for.

    There is no "everything" value: the operator's scope lists every channel by name too.
    """

    audience: Audience
    channel_pks: tuple[int, ...]
    channel_names: tuple[str, ...]

    def without(self, other: "Scope") -> "Scope":
        """The channels that the other scope does not have."""
        known = set(other.channel_pks)
        kept = [pair for pair in zip(self.channel_pks, self.channel_names, strict=True) if pair[0] not in known]
        return Scope(self.audience, tuple(pk for pk, _ in kept), tuple(name for _, name in kept))


def scope_for(
    audience: Audience,
    channels: tuple[ChannelFacts, ...],
    asker: AskerFacts | None,
    *,
    asker_given: bool,
) -> Scope:
    """The channels that the asker and the whole audience may read.

    Args: `channels` are the live, indexed channels; `asker` is None when the person is unknown;
    `asker_given` tells an unknown person (who may read nothing more than the channel itself) from
    a question that names no person at all.
    Direct messages are never a source.
    """
    readable = [c for c in channels if c.visibility is not Visibility.DIRECT]
    here = next((c for c in readable if c.ref == audience.channel), None)
    if audience.channel is not None:
        readable = [c for c in readable if _channel_may_read(here, c)]
        if asker_given and (asker is None or not asker.active or not asker.fresh or asker.kind is PersonKind.BOT):
            readable = [c for c in readable if here is not None and c.channel_pk == here.channel_pk]
            asker_given = False
    if asker_given:
        readable = [c for c in readable if asker is not None and _person_may_read(asker, c, here)]
    readable.sort(key=lambda c: c.channel_pk)
    return Scope(
        audience=audience,
        channel_pks=tuple(c.channel_pk for c in readable),
        channel_names=tuple(c.name for c in readable),
    )


def _channel_may_read(here: ChannelFacts | None, source: ChannelFacts) -> bool:
    if here is None:
        return False
    if source.channel_pk == here.channel_pk:
        return True
    same_workspace = (source.ref.platform, source.ref.workspace) == (here.ref.platform, here.ref.workspace)
    outsiders_present = here.shared or here.has_guests or not here.fresh
    is_open_to_all_here = source.visibility is Visibility.PUBLIC or _same_readers(here, source)
    return same_workspace and is_open_to_all_here and not source.shared and not outsiders_present


def _same_readers(one: ChannelFacts, other: ChannelFacts) -> bool:
    return one.readers != "" and one.readers == other.readers


def _person_may_read(asker: AskerFacts, source: ChannelFacts, here: ChannelFacts | None) -> bool:
    if not asker.active or asker.kind is PersonKind.BOT:
        return False
    # Who is known to read along here is known to read what has the same readers.
    proofs = [source, here] if here is not None and _same_readers(here, source) else [source]
    if any(proof.channel_pk in asker.joined and proof.fresh for proof in proofs):
        return True
    same_workspace = (source.ref.platform, source.ref.workspace) == (asker.ref.platform, asker.ref.workspace)
    is_full_member = asker.kind is PersonKind.MEMBER and asker.fresh
    return same_workspace and source.visibility is Visibility.PUBLIC and is_full_member
