"""A real cross-encoder of two layers in a GGUF file, weights drawn by lot; and the same reckoned with NumPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, HIDDEN, LAYERS, HEADS, POSITIONS = 32, 64, 2, 4, 64
EPSILON = 1e-5
WORDS = (
    "who what where when why is the a an was in at on of and not oar keel mast sail rope tide boat harbour office key "
    "open closed red green blue noon monday paint tar mend list crew cook stew pan salt"
).split()
PAD, UNKNOWN, BEGIN, SEPARATOR, BEGIN_TURN, END_TURN = range(6)
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<|turn|>", "<|end|>"]
TEMPLATE = "<|turn|>the list {query}<|end|><|turn|>crew {document}<|end|>"


def weights(seed: int = 4, outputs: int = 1) -> dict[str, np.ndarray]:
    """The tensors by their names in a GGUF file."""
    draw = np.random.default_rng(seed)

    def some(*shape: int, scale: float = 0.3) -> np.ndarray:
        return draw.normal(0, scale, shape).astype(np.float32)

    tensors = {
        "token_embd.weight": some(len(MARKS) + len(WORDS), WIDTH, scale=1.0),
        "position_embd.weight": some(POSITIONS, WIDTH, scale=0.5),
        "token_types.weight": some(2, WIDTH),
        "token_embd_norm.weight": 1 + some(WIDTH, scale=0.1),
        "token_embd_norm.bias": some(WIDTH, scale=0.1),
        "cls.weight": some(WIDTH, WIDTH),
        "cls.bias": some(WIDTH),
        "cls.output.weight": some(outputs, WIDTH, scale=1.0),
        "cls.output.bias": some(outputs),
    }
    for layer in range(LAYERS):
        for name, shape in (
            *((f"attn_{part}", (WIDTH, WIDTH)) for part in ("q", "k", "v", "output")),
            ("ffn_up", (HIDDEN, WIDTH)),
            ("ffn_down", (WIDTH, HIDDEN)),
        ):
            tensors[f"blk.{layer}.{name}.weight"] = some(*shape)
            tensors[f"blk.{layer}.{name}.bias"] = some(shape[0])
        for name in ("attn_output_norm", "layer_output_norm"):
            tensors[f"blk.{layer}.{name}.weight"] = 1 + some(WIDTH, scale=0.1)
            tensors[f"blk.{layer}.{name}.bias"] = some(WIDTH, scale=0.1)
    return tensors


def write(path: Path, *, wordpiece: bool = True, template: str = "", head: bool = True, stated: bool = True) -> Path:
    """The file. Without `wordpiece` its vocabulary is of unigrams, as XLM-RoBERTa's is; `stated`: that it ranks."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("small reranker")
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(EPSILON)
    writer.add_causal_attention(False)
    if stated:
        writer.add_pooling_type(gguf.PoolingType.RANK if head else gguf.PoolingType.MEAN)
    _write_vocabulary(writer, wordpiece=wordpiece)
    if template:
        writer.add_chat_template([{"name": "rerank", "template": template}])
    for name, tensor in weights().items():
        if head or not name.startswith("cls"):
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_vocabulary(writer: Any, *, wordpiece: bool) -> None:
    kinds = [gguf.TokenType.CONTROL] * len(MARKS) + [gguf.TokenType.NORMAL] * len(WORDS)
    kinds[UNKNOWN] = gguf.TokenType.UNKNOWN
    writer.add_tokenizer_model("bert" if wordpiece else "t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*MARKS, *(f"\u2581{word}" for word in WORDS)])
    writer.add_token_types(kinds)
    writer.add_token_type_count(2)
    writer.add_bos_token_id(BEGIN)
    writer.add_sep_token_id(SEPARATOR)
    writer.add_pad_token_id(PAD)
    writer.add_unk_token_id(UNKNOWN)
    if not wordpiece:
        writer.add_eos_token_id(SEPARATOR)
        writer.add_token_scores([0.0] * len(MARKS) + [-float(place) / 10 for place in range(1, len(WORDS) + 1)])
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)


def ids(text: str) -> list[int]:
    """What the vocabulary makes of known words and spaces."""
    return [len(MARKS) + WORDS.index(word) if word in WORDS else UNKNOWN for word in text.lower().split()]


def pair(query: str, text: str, *, wordpiece: bool = True) -> list[int]:
    """The tokens of a question and a text."""
    between = [SEPARATOR] if wordpiece else [SEPARATOR, SEPARATOR]
    return [BEGIN, *ids(query), *between, *ids(text), SEPARATOR]


def score(tokens: Sequence[int]) -> float:
    """What the model says of them: the forward pass of BERT with its classification head."""
    w = weights()

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPSILON)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), HEADS, -1).swapaxes(0, 1)

    x = w["token_embd.weight"][list(tokens)] + w["position_embd.weight"][: len(tokens)] + w["token_types.weight"][0]
    x = norm(x, "token_embd_norm")
    for layer in (f"blk.{number}" for number in range(LAYERS)):
        q, k, v = (heads(linear(x, f"{layer}.attn_{part}")) for part in "qkv")
        near = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(WIDTH / HEADS))
        seen = (near / near.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(x), WIDTH)
        x = norm(x + linear(seen, f"{layer}.attn_output"), f"{layer}.attn_output_norm")
        up = linear(x, f"{layer}.ffn_up")
        up = 0.5 * up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
        x = norm(x + linear(up, f"{layer}.ffn_down"), f"{layer}.layer_output_norm")
    return float(linear(np.tanh(linear(x[0], "cls")), "cls.output")[0])
