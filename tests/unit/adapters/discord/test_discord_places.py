import pytest

from adapters.discord.places import Place, place_from
from knowledge.messages import ChannelRef


def channel(channel_id):
    return ChannelRef("discord", "900", channel_id)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        *(({"id": "1001", "type": kind}, Place(channel("1001"))) for kind in (0, 2, 5, 13, 15, 16)),
        ({"id": 1001, "type": 0}, Place(channel("1001"))),
        ({"id": "2001", "type": 10, "parent_id": "1001"}, Place(channel("1001"), "2001")),
        ({"id": "2001", "type": 11, "parent_id": 1001}, Place(channel("1001"), "2001")),
        ({"id": "2003", "type": 12, "parent_id": "1001"}, Place(channel("2003"))),
        *(({"id": "1001", "type": kind}, None) for kind in (1, 3, 4, 14, 99, "0", True, None)),
        ({"id": "harvest", "type": 0}, None),
        ({"type": 0}, None),
        ({"id": "2001", "type": 11}, None),
        ({"id": "2001", "type": 11, "parent_id": "harvest"}, None),
    ],
)
def test_where_what_is_said_belongs(raw, place):
    assert place_from(raw, "900") == place
