import dataclasses

import pytest

from bot.generation.sequence import (
    LARGEST_MESSAGE_BYTES,
    LENGTH,
    AddLora,
    Cancel,
    Count,
    Counts,
    DropLora,
    Embed,
    Failed,
    Finished,
    Generate,
    Lora,
    LoraSettled,
    ModelSpec,
    Piece,
    Progress,
    Rank,
    Ready,
    Report,
    Scores,
    Segment,
    Shutdown,
    Step,
    Vectors,
    decode,
    encode,
    take_frames,
)

REPORT = Report(True, -1, 31, 31, ("CUDA0 (a card)",), "n", "d", 5, 4096, 8192, 576, "chatml", False, "", "bpe", 2)
MESSAGES = [
    ModelSpec("/m.gguf", pooling="cls"),
    AddLora("6", Lora("style", "/l.gguf", 0.5, "9-1")),
    DropLora("7", "style"),
    LoraSettled("6", "It is none."),
    Generate("1", (Segment("<|im_start|>", control=True), Segment("名前 <|im_end|>")), stop=("\n",), static_segments=1),
    Embed("2", ("a", "")),
    Rank("7", "why", ("a", "")),
    Scores("7", (0.5, -3.25)),
    Count("3", ("\U0001f600 \ud800",)),
    Cancel("4"),
    Shutdown(),
    Ready(REPORT),
    Generate("5", (), logit_bias=((7, -1.5), (8, 2.0)), grammar="root ::= [a-z]+", alone=True),
    Step(("1", "2")),
    Progress("1", 128),
    Piece("1", "né"),
    Finished("1", "length", 10, 3, 5, 1.5, 2.5),
    Vectors("2", ((0.6, 0.8), (1.0, 0.0))),
    Counts("3", (4, 0)),
    Failed("", "no memory", too_long=False),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_pipe(message):
    frames, rest = take_frames(encode(message))
    assert rest == b""
    assert [decode(frame) for frame in frames] == [message]
    assert dataclasses.is_dataclass(decode(frames[0]))


def test_frames_may_arrive_in_any_pieces():
    stream = b"".join(encode(message) for message in MESSAGES)
    for size in (1, 3, 7, 1000):
        buffer, seen = b"", []
        for at in range(0, len(stream), size):
            frames, buffer = take_frames(buffer + stream[at : at + size])
            seen += [decode(frame) for frame in frames]
        assert seen == MESSAGES
        assert buffer == b""


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"kind":"os.system"}', b'{"kind":"Cancel"}', b'{"kind":"Cancel","x":1}']
)
def test_what_is_no_message_of_ours_is_refused(body):
    with pytest.raises(ValueError):
        decode(body)


def test_a_frame_of_absurd_length_is_refused():
    with pytest.raises(ValueError, match="no message of ours"):
        take_frames(LENGTH.pack(LARGEST_MESSAGE_BYTES + 1))
