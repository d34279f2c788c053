"""The yardstick of `threadlore bench engine`: llama-cpp-python's high-level object, one prompt after another.

    python -m bot.generation.serial MODEL CONTEXT THREADS WRITING_THREADS GPU_LAYERS

Each line of standard input is a list of prompts as [[text, is_control], …] and a number of new tokens; each gets a
line of JSON: of each prompt when its first new token and its last were there, in seconds, its length, and those tokens.
"""

import json
import os
import sys
import time
from typing import Any

import llama_cpp


def answer(model: Any, prompt: list[list[Any]], new_tokens: int) -> tuple[float, float, int, list[int]]:
    """One prompt continued greedily by so many tokens, whatever they are."""
    tokens: list[int] = [model.token_bos()] if model.metadata.get("tokenizer.ggml.add_bos_token") == "true" else []
    for text, is_control in prompt:
        tokens += model.tokenize(text.encode("utf-8", "replace"), add_bos=False, special=bool(is_control))
    first, written = 0.0, []
    for token in model.generate(tokens, temp=0.0, repeat_penalty=1.0):
        first = first or time.monotonic()
        written.append(token)
        if len(written) >= new_tokens:
            break
    return first, time.monotonic(), len(tokens), written


def main(path: str, context: str, threads: str, writing: str, gpu_layers: str) -> None:
    """Answers lines until there are no more."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints must not end up between our lines
    model = llama_cpp.Llama(
        path,
        n_ctx=int(context),
        n_threads=int(writing),
        n_threads_batch=int(threads),
        n_gpu_layers=int(gpu_layers),
        flash_attn=int(gpu_layers) != 0,
        verbose=False,
    )
    os.write(out, b"{}\n")
    for line in sys.stdin:
        prompts, new_tokens = json.loads(line)
        began = time.monotonic()
        times = []
        for prompt in prompts:
            first, last, prompt_tokens, written = answer(model, prompt, new_tokens)
            times.append([first - began, last - began, prompt_tokens, written])
        os.write(out, json.dumps(times).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
