"""How the next token of one answer is chosen: a chain of llama.cpp's samplers. Runs in the child process only."""

from typing import Any

import llama_cpp

from bot.generation.sequence import Generate

PENALTY_TOKENS = 64
ROOT = b"root"


def open_sampler(request: Generate, vocabulary: Any) -> Any:
    """The chain that a request asks for: what may not be said is cut first, then one of the rest is chosen.

    Errors: ValueError when the grammar is none; the sentence says so.
    """
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    try:
        for part in _parts(request, vocabulary):
            llama_cpp.llama_sampler_chain_add(chain, part)
    except ValueError:
        llama_cpp.llama_sampler_free(chain)
        raise
    return chain


def _parts(request: Generate, vocabulary: Any) -> list[Any]:
    # What can fail comes first, for nothing else is to be given back then.
    parts = [_grammar(request.grammar, vocabulary)] if request.grammar else []
    size = llama_cpp.llama_vocab_n_tokens(vocabulary)
    known = [(token, bias) for token, bias in request.logit_bias if 0 <= token < size]
    if known:
        biases = (llama_cpp.llama_logit_bias * len(known))(*(llama_cpp.llama_logit_bias(*one) for one in known))
        parts.append(llama_cpp.llama_sampler_init_logit_bias(size, len(known), biases))
    penalties = (request.repeat_penalty, request.frequency_penalty, request.presence_penalty)
    if penalties != (1.0, 0.0, 0.0):
        parts.append(llama_cpp.llama_sampler_init_penalties(size, PENALTY_TOKENS, *penalties))
    if request.temperature <= 0:
        return [*parts, llama_cpp.llama_sampler_init_greedy()]
    if request.top_k > 0:
        parts.append(llama_cpp.llama_sampler_init_top_k(request.top_k))
    parts.append(llama_cpp.llama_sampler_init_top_p(request.top_p, 1))
    if request.min_p > 0:
        parts.append(llama_cpp.llama_sampler_init_min_p(request.min_p, 1))
    return [
        *parts,
        llama_cpp.llama_sampler_init_temp(request.temperature),
        llama_cpp.llama_sampler_init_dist(request.seed & 0xFFFFFFFF),
    ]


def _grammar(text: str, vocabulary: Any) -> Any:
    """llama.cpp says what it dislikes to standard error only."""
    grammar = llama_cpp.llama_sampler_init_grammar(vocabulary, text.encode("utf-8", "replace"), ROOT)
    if not grammar:
        raise ValueError("The grammar is not one in GBNF with a rule named root.")
    return grammar
