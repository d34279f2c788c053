"""What crosses the pipe between the bot and its model child: requests one way, events the other.

This file performs no I/O. A message is one JSON document behind its length in four bytes; nothing
that is read is ever executed or unpickled.
"""

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any, Literal

LENGTH = struct.Struct(">I")
LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024

FlashAttention = Literal["auto", "on", "off"]
CacheType = Literal["f32", "f16", "q8_0", "q4_0"]
SplitMode = Literal["layer", "row", "none"]
WHOLE_CACHE_TYPES = ("f32", "f16")
"""Those that llama.cpp can keep values in without flash attention."""


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA adapter beside the model; a request chooses it by name. `version` changes when the file does."""

    name: str
    path: str
    scale: float = 1.0
    version: str = ""


# On a processor little is gained by answering together, but two let a short answer pass a long one.
GPU_PARALLEL, CPU_PARALLEL = 4, 2


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model the child loads, and how: always the first message it gets.

    `n_ctx` 0: the length the model was trained with. `gpu_layers` -1: all. `threads` 0: one for each
    processor. `batch`: tokens of a prompt read in one step, and between steps the child can be interrupted;
    0 chooses by device. `pooling` "": what the file says, else mean; "rank": the model says how well texts answer a
    question. `parallel`: sequences written at once, each of at most `n_ctx` tokens; 0: `GPU_PARALLEL`, `CPU_PARALLEL`,
    or fewer where memory is short. `cells` 0: each has a room of its own for them; else all share a room for so many.
    `rpc`: devices served elsewhere, host:port with commas; the child then keeps its network. `lookup`: the most tokens
    of an answer that are guessed from what was read, for a step to confirm; 0: none.
    `threads`, `writing_threads`: the most of them, see `bot.generation.crew`; `writing_threads` 0: four at the most for
    a small model, else as many as read. `flash_attention` auto: where llama.cpp takes it, and where values are kept in
    few bits, because it must be. `cache_type_…`: how the context is kept.
    `split_mode`, `main_gpu`, `tensor_split`: how several GPUs share the model, () as they have memory.
    `trace`: a file to which each step is written down, see `bot.generation.trace`; "": none.
    """

    path: str
    n_ctx: int = 4096
    gpu_layers: int = -1
    threads: int = 0
    batch: int = 0
    embedding: bool = False
    pooling: Literal["", "mean", "cls", "last", "rank"] = ""
    parallel: int = 1
    cells: int = 0
    rpc: str = ""
    lookup: int = 0
    writing_threads: int = 0
    flash_attention: FlashAttention = "auto"
    cache_type_k: CacheType = "f16"
    cache_type_v: CacheType = "f16"
    split_mode: SplitMode = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] = ()
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt. Marks such as <|im_end|> become control tokens in a `control` piece only."""

    text: str
    control: bool = False


@dataclass(frozen=True, slots=True)
class Generate:
    """Continue the prompt. The first `static_segments` are the same for everybody: their state may be kept.

    `max_tokens` 0: the empty answer, for which nothing is read. `temperature` 0: always the likeliest token that
    `logit_bias` (token and what is added to its logit), the penalties (over the last 64 tokens of the answer) and
    `grammar` (GBNF, whose root is `root`) leave; `top_k` 0, `top_p` 1 and `min_p` 0 leave all.
    `alone`: no step of the model may work on anything beside it. `goes_on`: where the model would end, it must not.
    """

    request_id: str
    segments: tuple[Segment, ...]
    max_tokens: int = 512
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    grammar: str = ""
    stop: tuple[str, ...] = ()
    seed: int = 0
    static_segments: int = 0
    lora: str = ""
    alone: bool = False
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Embed:
    """One vector for each text. `alone`: no step may read more than one of them."""

    request_id: str
    texts: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Rank:
    """How well each text answers the question: one number each. `alone` as in `Embed`."""

    request_id: str
    query: str
    texts: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """The number of tokens of each text, without special tokens."""

    request_id: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddLora:
    """Load an adapter. One of the same name gives way to it; requests that began with that one go on with it."""

    request_id: str
    adapter: Lora


@dataclass(frozen=True, slots=True)
class DropLora:
    """Let no new request have this adapter; it goes when the last one that has it ends."""

    request_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this request any more."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop now."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was loaded, and where. Layers count the output layer, as llama.cpp does.

    `can_offload`: this build of llama.cpp can use a GPU at all. `tokenizer` is llama.cpp's word for the
    vocabulary's kind; `template` is the family of prompt format, `thinks` whether it asks for an empty thought,
    `has_template` whether the file says anything of it.
    `has_network`: the system did not let the child give its network up. `lookup`: as asked for, 0 where the model's
    memory cannot take tokens back. `flash_attention` and `cache_types` (of keys
    and values) are what llama.cpp made of what was asked; "" where it did not say.
    """

    can_offload: bool
    requested_gpu_layers: int
    model_layers: int
    offloaded_layers: int
    devices: tuple[str, ...]
    name: str
    description: str
    size_bytes: int
    n_ctx: int
    train_ctx: int
    embedding_dimension: int
    template: str
    thinks: bool
    pooling: str
    tokenizer: str
    threads: int
    has_network: bool = True
    parallel: int = 1
    writing_threads: int = 1
    has_template: bool = True
    lookup: int = 0
    batch: int = 0
    flash_attention: str = ""
    cache_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    report: Report


@dataclass(frozen=True, slots=True)
class Step:
    """What the child works on from now on: should it die, it was of one of these."""

    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """A step was done for this request: tokens of the prompt read, or whole texts. 0: its first step begins now."""

    request_id: str
    done: int


@dataclass(frozen=True, slots=True)
class Piece:
    """More text of an answer: whole characters, never part of a stop string."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A generation ended. `cached_tokens` of the prompt were not computed again.

    Of the new tokens `right_tokens` were among the `guessed_tokens` looked up in what was read.
    """

    request_id: str
    reason: Literal["stop", "length", "cancelled"]
    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0
    prefill_ms: float = 0.0
    generation_ms: float = 0.0
    guessed_tokens: int = 0
    right_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors, one for each text, in order."""

    request_id: str
    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a reranker says of each text, in order; more is better, on the model's own scale."""

    request_id: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Token counts, one for each text, in order."""

    request_id: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LoraSettled:
    """An adapter was added or dropped; or could not be, and the sentence says why."""

    request_id: str
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The request (or, with an empty id, loading the model) cannot be carried out, and why.

    `on_gpu`: the model was to be loaded onto a GPU, so fewer layers there may help.
    """

    request_id: str
    sentence: str
    too_long: bool = False
    on_gpu: bool = False


LoraChange = AddLora | DropLora
Work = Generate | Embed | Rank | Count
Request = ModelSpec | Work | LoraChange | Cancel | Shutdown
Event = Ready | Step | Progress | Piece | Finished | Vectors | Scores | Counts | LoraSettled | Failed
Message = Request | Event

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(ModelSpec, Generate, Embed, Rank, Count, AddLora, DropLora, Cancel, Shutdown),
        *(Ready, Step, Progress, Piece, Finished, Vectors, Scores, Counts, LoraSettled, Failed),
    )
}
NESTED: dict[str, type[Any]] = {"segments": Segment, "adapter": Lora, "report": Report}


def encode(message: Message) -> bytes:
    """The message as it crosses the pipe: its length, then JSON."""
    body = json.dumps({"kind": type(message).__name__, **asdict(message)}, separators=(",", ":")).encode()
    return LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """The message in one frame's JSON.

    Errors: ValueError, when it is no message of ours.
    """
    try:
        fields = json.loads(body)
        kind = KINDS[fields.pop("kind")]
        message: Message = kind(**{name: _value(name, value) for name, value in fields.items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a message of the model child") from error
    return message


def take_frames(buffer: bytes) -> tuple[list[bytes], bytes]:
    """The complete frames at the front of `buffer`, and what is left of it.

    Errors: ValueError for a frame larger than any message of ours.
    """
    frames = []
    at = 0
    while len(buffer) - at >= LENGTH.size:
        (length,) = LENGTH.unpack_from(buffer, at)
        if length > LARGEST_MESSAGE_BYTES:
            raise ValueError(f"a frame of {length} bytes is no message of ours")
        if len(buffer) - at - LENGTH.size < length:
            break
        at += LENGTH.size
        frames.append(buffer[at : at + length])
        at += length
    return frames, buffer[at:]


def _value(name: str, value: Any) -> Any:
    if name in NESTED and isinstance(value, dict):
        return NESTED[name](**{key: _value(key, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return tuple(_value(name, item) for item in value)
    return value
