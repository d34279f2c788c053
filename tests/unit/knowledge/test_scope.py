from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from knowledge.messages import ChannelRef, PersonKind, PersonRef, Visibility
from knowledge.scope import AskerFacts, Audience, ChannelFacts, scope_for


def facts(pk, name, visibility="public", *, shared=False, guests=False, workspace="w"):
    return ChannelFacts(pk, ChannelRef("slack", workspace, name), name, Visibility(visibility), shared, guests)


GENERAL, RANDOM = facts(1, "general"), facts(2, "random")
BOARD, HIRING = facts(3, "board", "private"), facts(4, "hiring", "private")
PARTNER, GUESTS = facts(5, "partner", shared=True), facts(6, "with-guests", guests=True)
ELSEWHERE, DIRECT = facts(7, "general", workspace="other"), facts(8, "dm", "direct")
ALL = (GENERAL, RANDOM, BOARD, HIRING, PARTNER, GUESTS, ELSEWHERE, DIRECT)


def names(audience_channel=None, asker=None, *, given=False, person=None):
    audience = Audience(channel=audience_channel.ref if audience_channel else None, person=person)
    return set(scope_for(audience, ALL, asker, asker_given=given).channel_pks)


def member(*joined, kind=PersonKind.MEMBER, active=True):
    return AskerFacts(PersonRef("slack", "w", "u"), kind, active, frozenset(joined))


def test_the_operator_sees_all_but_direct_messages():
    assert names() == {1, 2, 3, 4, 5, 6, 7}


def test_a_public_channel_may_hear_of_public_channels_of_its_workspace():
    assert names(GENERAL) == {1, 2, 6}


def test_a_private_channel_hears_of_itself_and_public_ones_never_of_another_private_one():
    assert names(BOARD) == {1, 2, 3, 6}


def test_with_guests_or_outsiders_present_only_the_channel_itself():
    assert names(GUESTS) == {6}
    assert names(PARTNER) == {5}


def test_the_asker_cannot_widen_what_the_channel_may_hear():
    assert names(GENERAL, member(3, 4), given=True) == {1, 2, 6}


def test_a_member_who_is_not_in_the_private_channel_does_not_read_it():
    assert names(BOARD, member(), given=True) == {1, 2, 6}


def test_in_private_an_asker_reads_joined_and_public_channels():
    who = PersonRef("slack", "w", "u")
    assert names(None, member(3), given=True, person=who) == {1, 2, 3, 5, 6}


def test_a_guest_reads_joined_channels_only():
    assert names(None, member(2, kind=PersonKind.GUEST), given=True) == {2}


def test_who_is_unknown_inactive_or_a_bot_hears_the_channel_alone():
    assert names(GENERAL, None, given=True) == {1}
    assert names(GENERAL, member(1, active=False), given=True) == {1}
    assert names(GENERAL, member(1, kind=PersonKind.BOT), given=True) == {1}
    assert names(None, None, given=True) == set()


def test_an_unknown_channel_hears_nothing():
    assert names(facts(99, "gone")) == set()


def test_adding_a_guest_never_widens_the_scope():
    for channel in (GENERAL, BOARD):
        guarded = ChannelFacts(channel.channel_pk, channel.ref, channel.name, channel.visibility, False, True)
        rest = tuple(c for c in ALL if c is not channel)
        after = set(scope_for(Audience(channel=channel.ref), (guarded, *rest), None, asker_given=False).channel_pks)
        assert after <= names(channel)


# ---- what was read too long ago -----------------------------------------------------------------------------------


def aged(fact):
    return replace(fact, fresh=False)


def scope(channels, audience_channel=None, asker=None, *, given=True):
    audience = Audience(channel=audience_channel.ref if audience_channel else None)
    return set(scope_for(audience, tuple(channels), asker, asker_given=given).channel_pks)


def test_a_channel_whose_members_are_not_known_for_sure_hears_of_itself_alone():
    channels = (aged(GENERAL), RANDOM, BOARD)
    assert scope(channels, channels[0], given=False) == {1}
    assert scope(channels, channels[0], member(1)) == {1}


def test_a_private_channel_whose_members_are_not_known_for_sure_is_nobodys():
    channels = (GENERAL, aged(BOARD))
    assert scope(channels, None, member(3)) == {1}
    assert scope(channels, channels[1], member(3)) == set()


def test_a_guest_hears_of_no_channel_whose_members_are_not_known_for_sure():
    channels = (aged(GENERAL), RANDOM)
    assert scope(channels, None, member(1, 2, kind=PersonKind.GUEST)) == {2}


def test_an_asker_of_whom_nothing_is_known_for_sure_hears_the_channel_alone_and_in_private_what_they_are_in():
    channels = (GENERAL, RANDOM, BOARD)
    assert scope(channels, GENERAL, aged(member(1))) == {1}
    assert scope(channels, None, aged(member(1))) == {1}


KINDS = st.sampled_from([PersonKind.MEMBER, PersonKind.GUEST, PersonKind.EXTERNAL, PersonKind.BOT])
ASKERS = st.builds(
    lambda pks, kind, active: member(*pks, kind=kind, active=active), st.sets(st.integers(1, 8)), KINDS, st.booleans()
)


@given(st.sampled_from([None, *ALL]), ASKERS, st.booleans(), st.sets(st.integers(1, 8)))
def test_knowing_less_for_sure_never_widens_the_scope(here, asker, is_stale, stale):
    channels = tuple(aged(one) if one.channel_pk in stale else one for one in ALL)
    # Who reads the answer in a channel reads that channel, whoever asked.
    widest = scope(ALL, here, asker) | ({here.channel_pk} if here else set())
    assert scope(channels, here, aged(asker) if is_stale else asker) <= widest


# ---- rules of who may read ----------------------------------------------------------------------------------------


def ruled(fact, rule):
    return replace(fact, readers=rule)


def test_a_channel_hears_of_private_ones_with_the_same_readers():
    channels = (GENERAL, ruled(BOARD, "staff"), ruled(HIRING, "staff"), ruled(facts(9, "cellar", "private"), "keepers"))
    assert scope(channels, channels[1], given=False) == {1, 3, 4}
    assert scope(channels, channels[3], given=False) == {1, 9}
    assert scope(channels, channels[0], given=False) == {1}


def test_the_same_rule_of_another_workspace_is_another_rule():
    there = replace(ruled(HIRING, "staff"), ref=ChannelRef("slack", "other", "hiring"))
    assert scope((ruled(BOARD, "staff"), there), BOARD, given=False) == {3}


def test_who_is_known_to_read_here_reads_what_has_the_same_readers():
    board, hiring = ruled(BOARD, "staff"), aged(ruled(HIRING, "staff"))
    assert scope((board, hiring), board, member(3)) == {3, 4}
    assert scope((board, hiring), board, member()) == set()
    assert scope((aged(board), hiring), board, member(3)) == set()
    assert scope((board, hiring), None, member(3)) == {3}
