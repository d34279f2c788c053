"""LoRA adapters as files, made of chance: strong enough that the small chat model says something else."""

import gguf
import numpy as np

WIDTH, INNER, RANK = 576, 1536, 4
LAYERS = range(8, 22, 2)


def write_lora(path, seed, *, strength=1.5, architecture="llama", inner=INNER, general="adapter", kind=np.float32):
    """An adapter of the feed-forward part. With another architecture, width or kind of number: one that is no good."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), architecture)
    try:
        writer.add_string("general.type", general)
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(RANK))
        for layer in LAYERS:
            a = rng.normal(size=(RANK, inner)) / inner**0.5
            b = rng.normal(size=(WIDTH, RANK)) * strength
            writer.add_tensor(f"blk.{layer}.ffn_down.weight.lora_a", a.astype(kind))
            writer.add_tensor(f"blk.{layer}.ffn_down.weight.lora_b", b.astype(kind))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
    return path
