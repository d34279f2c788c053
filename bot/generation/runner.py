"""The loaded model, through llama.cpp's low-level functions. Runs in the child process only.

llama-cpp-python's high-level object is not used: it tokenizes whole prompts with control tokens on,
and reuses the state of whoever asked before.
"""

import ctypes
import os
import time
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from bot.generation import devices
from bot.generation.answers import Run
from bot.generation.batches import Batch
from bot.generation.crew import MISSED_READING, MISSED_WRITING, Crew
from bot.generation.llama_params import CACHE_NUMBERS, NO_FLASH, flash_type, model_params
from bot.generation.load_log import LoadLog
from bot.generation.pairs import Marks, PairForm
from bot.generation.room import free_bytes, token_bytes, too_much
from bot.generation.samplers import open_sampler
from bot.generation.sequence import CPU_PARALLEL, GPU_PARALLEL, Generate, Lora, ModelSpec, Report, Segment
from bot.generation.stride import LEAST, Stride
from bot.generation.templates import asks_for_thought, family_of
from bot.generation.texts import MOST_TEXTS, Together
from bot.generation.unused import UnusedLogits

POOLINGS = {
    "mean": llama_cpp.LLAMA_POOLING_TYPE_MEAN,
    "cls": llama_cpp.LLAMA_POOLING_TYPE_CLS,
    "last": llama_cpp.LLAMA_POOLING_TYPE_LAST,
    "rank": llama_cpp.LLAMA_POOLING_TYPE_RANK,
}
TOKENIZERS = {1: "spm", 2: "bpe", 3: "wpm", 4: "ugm", 5: "rwkv"}
WORDPIECE = 3
VALUE_BYTES, TEMPLATE_LIMIT = 512, 200_000
REASON_LIMIT = 200  # a reason may quote the file, and is shown in a chat
DIGITS = 7  # of a vector's values: as many as a 32-bit float holds
TRIAL_CELLS = 64
# Tokens of the texts that are read in one step. On a processor 256 took a quarter to a third less time than one text
# after another; 512 took longer again.
GPU_TEXT_TOKENS, CPU_TEXT_TOKENS = 512, 256
GPU_BATCH, CPU_BATCH = 512, 256
MODEST = 4  # where nobody said how many, the contexts of several take no more than a quarter of what is free
# Of a model so small an operation is done before many threads have agreed that it is.
SMALL_BYTES, MOST_FOR_SMALL = 500_000_000, 4


class LoadError(Exception):
    """llama.cpp could not open the model; the sentence says why. `on_gpu`: part of it was to go onto a GPU."""

    def __init__(self, sentence: str, *, on_gpu: bool) -> None:
        super().__init__(sentence)
        self.on_gpu = on_gpu


class Model:
    """The weights, their vocabulary and one context.

    Errors: `LoadError`.
    """

    def __init__(self, spec: ModelSpec, log: LoadLog) -> None:
        self.spec = spec
        self._log = log  # llama.cpp calls it for as long as the model lives
        llama_cpp.llama_backend_init()
        try:
            devices.add_served(spec.rpc)
        except ValueError as error:
            raise LoadError(str(error), on_gpu=False) from error
        self._on_gpu = spec.gpu_layers != 0 and devices.has_gpu()
        params = model_params(spec)
        model = llama_cpp.llama_model_load_from_file(os.fsencode(spec.path), params)
        if not model:
            raise LoadError(
                f"llama.cpp could not load {spec.path}: {log.last_error or 'it gave no reason'}. "
                "Check that the file is complete and fits into memory.",
                on_gpu=self._on_gpu,
            )
        self._model: Any = model
        self._vocabulary: Any = llama_cpp.llama_model_get_vocab(model)
        self._lora_in_use: Any = None
        layers, used = log.offload()
        self.threads = spec.threads or usable_processors()
        # Beside a device the processor's threads have little to do, and it is not others that they wait for.
        self._crew = None if layers else Crew(missed=MISSED_READING if spec.embedding else MISSED_WRITING)
        self._most_read = spec.batch or (GPU_BATCH if layers else CPU_BATCH)
        self.stride = Stride(self._most_read, least=spec.batch or LEAST)
        at_once = 1 if spec.embedding else spec.parallel or (GPU_PARALLEL if layers else CPU_PARALLEL)
        self._size_for(min(at_once, llama_cpp.llama_max_parallel_sequences()))
        free = devices.free_bytes() if layers else free_bytes()
        while self.sequences > 1 and not spec.parallel and self._too_much(free and free // MODEST):
            self._size_for(self.sequences // 2)
        if not layers and (sentence := self._too_much(free)):
            raise LoadError(sentence, on_gpu=False)
        self._context: Any = self._open_context()
        while not self._context and self.sequences > 1 and not spec.parallel:
            self._size_for(self.sequences // 2)
            self._context = self._open_context()
        if not self._context:
            raise LoadError(
                f"There is not enough memory for a context of {self.cells} tokens with {spec.path}"
                f"{', ' + str(self.sequences) + ' answers at once' if self.sequences > 1 else ''}.",
                on_gpu=self._on_gpu,
            )
        self.together = Together(MOST_TEXTS, min(GPU_TEXT_TOKENS if layers else CPU_TEXT_TOKENS, self.cells))
        self._memory: Any = llama_cpp.llama_get_memory(self._context)
        # A device keeps the logits in memory that cannot be given back.
        is_encoder = spec.embedding and not self._memory and not layers
        words = llama_cpp.llama_vocab_n_tokens(self._vocabulary)
        self._unused = UnusedLogits(self._context, words) if is_encoder else None
        self._batch = Batch(self.cells if spec.embedding else self.budget)
        self.report = self._describe(params.n_gpu_layers, layers, used)
        self._pairs = PairForm(self, self._marks(), self._template(b"rerank"), self.report.n_ctx)

    def tokenize(self, text: str, *, special: bool = False, ends: bool = False) -> list[int]:
        """Token ids. `special`: marks become control tokens; `ends`: with the model's begin and end tokens."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), tokens, room, ends, special)
        if count < 0:
            tokens = (llama_cpp.llama_token * -count)()
            count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), tokens, -count, ends, special)
        return list(tokens[:count])

    def tokenize_segments(self, segments: Sequence[Segment], *, begin: bool) -> list[int]:
        """A prompt's token ids; control tokens come from control pieces only."""
        begins = begin and llama_cpp.llama_vocab_get_add_bos(self._vocabulary)
        tokens = [llama_cpp.llama_vocab_bos(self._vocabulary)] if begins else []
        for segment in segments:
            if segment.text:
                tokens += self.tokenize(segment.text, special=segment.control)
        return tokens

    def tokenize_whole(self, text: str) -> list[int]:
        """A text to embed, cut to the context; the model's end token, if any, stays last."""
        tokens = self.tokenize(text, ends=True)
        limit = self.report.n_ctx
        if len(tokens) > limit:
            tokens = tokens[: limit - 1] + tokens[-1:]
        return tokens or [max(0, llama_cpp.llama_vocab_bos(self._vocabulary))]

    def tokenize_pair(self, query: str, text: str) -> list[int]:
        """A question and a text as the reranker was trained to read them, cut to the context."""
        return self._pairs.tokens(query, text)

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for a control token."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, False)  # noqa: FBT003
            if count >= 0:
                return bytes(buffer.raw[:count])
            size = -count

    def load_lora(self, adapter: Lora) -> Any:
        """Reads a LoRA adapter. Errors: ValueError, with a sentence."""
        self._log.last_error = ""
        loaded = llama_cpp.llama_adapter_lora_init(self._model, os.fsencode(adapter.path))
        if not loaded:
            why = " ".join(self._log.last_error.rpartition("adapter: ")[2].split())[:REASON_LIMIT] or "nobody knows why"
            raise ValueError(f"The LoRA adapter {adapter.name} cannot be used with this model: {why}.")
        self._try_lora(loaded)
        return loaded, adapter.scale

    def use_lora(self, adapter: Any) -> None:
        """Switches to what `load_lora` returned, with None to the model alone."""
        if adapter is not self._lora_in_use:
            loaded, scale = adapter or (None, 0.0)
            adapters: Any = (llama_cpp.llama_adapter_lora_p_ctypes * 1)()
            adapters[0] = loaded
            count = 0 if adapter is None else 1
            llama_cpp.llama_set_adapters_lora(self._context, adapters, count, (ctypes.c_float * 1)(scale))
            self._lora_in_use = adapter

    def free_lora(self, adapter: Any) -> None:
        """Gives its memory back."""
        if adapter is self._lora_in_use:
            self.use_lora(None)
        llama_cpp.llama_adapter_lora_free(adapter[0])

    def decode(self, runs: Sequence[Run]) -> int:
        """Reads runs behind what their sequences hold; 0, 1 when there is no room, or llama.cpp's code for worse."""
        batch = self._batch.fill(runs)
        if len(runs) == batch.n_tokens:
            return self._compute(llama_cpp.llama_decode, batch, self._writing)
        began = time.perf_counter()
        code = self._compute(llama_cpp.llama_decode, batch, self.threads)
        llama_cpp.llama_synchronize(self._context)  # a device works on behind our back
        if code == 0:
            self.stride.read(batch.n_tokens, time.perf_counter() - began)
        return code

    def clear(self, sequence: int) -> None:
        """Forgets all that a sequence holds."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def cut(self, sequence: int, length: int) -> None:
        """Forgets all that a sequence holds behind so many tokens; `can_cut` says where that works."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1)

    def can_cut(self) -> bool:
        """Whether tokens can be taken back: not from a state that all went into, nor from a window that slid on."""
        kinds = (llama_cpp.llama_model_is_recurrent, llama_cpp.llama_model_is_hybrid, llama_cpp.llama_model_n_swa)
        return not any(kind(self._model) for kind in kinds)

    def save(self, sequence: int) -> Any:
        """A copy of all that a sequence holds; None where the model does not give it."""
        size = llama_cpp.llama_state_seq_get_size(self._context, sequence)
        state = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self._context, state, size, sequence)
        return state if 0 < written <= size else None

    def restore(self, sequence: int, state: Any) -> bool:
        """Fills an empty sequence with what was saved; False, and it stays empty, when that cannot be."""
        if llama_cpp.llama_state_seq_set_data(self._context, state, len(state), sequence):
            return True
        self.clear(sequence)
        return False

    def vectors(self, texts: Sequence[list[int]]) -> list[tuple[float, ...]]:
        """The unit vectors of texts, read in one step.

        Errors: ValueError when llama.cpp cannot read them.
        """
        rows = self._pooled(texts, self.report.embedding_dimension)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return [tuple(row) for row in np.round(rows / np.where(lengths > 0, lengths, 1.0), DIGITS).tolist()]

    def scores(self, pairs: Sequence[list[int]]) -> list[tuple[float, ...]]:
        """What the classification head says of each text, its first number; errors as of `vectors`.

        Where there are several, the first stands for yes.
        """
        return [tuple(row) for row in self._pooled(pairs, 1).tolist()]

    def _pooled(self, texts: Sequence[list[int]], width: int) -> NDArray[np.float64]:
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, True)  # noqa: FBT003 -- the library's signature
        run = llama_cpp.llama_decode if self._memory else llama_cpp.llama_encode
        if code := self._compute(run, self._batch.fill_whole(texts), self.threads):
            raise ValueError(f"llama.cpp returned {code}")
        if self._unused is not None:
            self._unused.give_back(sum(map(len, texts)))
        pointers = [llama_cpp.llama_get_embeddings_seq(self._context, place) for place in range(len(texts))]
        return np.array([np.ctypeslib.as_array(pointer, (width,)) for pointer in pointers], dtype=np.float64)

    def _compute(self, run: Any, batch: Any, most: int) -> int:
        """Runs one of llama.cpp's functions over a batch; returns its code."""
        threads = self._crew.size(most) if self._crew is not None else most
        llama_cpp.llama_set_n_threads(self._context, threads, threads)
        began, used = time.perf_counter(), time.process_time()
        code = int(run(self._context, batch))
        if self._crew is not None:
            self._crew.worked(threads, time.perf_counter() - began, time.process_time() - used)
        return code

    def open_sampler(self, request: Generate) -> Any:
        """How the next token of an answer is chosen. Give it back when done. Errors: ValueError, with a sentence."""
        return open_sampler(request, self._vocabulary)

    def close_sampler(self, sampler: Any) -> None:
        """Frees what `open_sampler` made."""
        llama_cpp.llama_sampler_free(sampler)

    def sample(self, sampler: Any, place: int) -> int:
        """The token behind the one at `place` of the last step."""
        return int(llama_cpp.llama_sampler_sample(sampler, self._context, place))

    def ends(self, token: int) -> bool:
        """Whether a token is the end of an answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))

    def _try_lora(self, loaded: Any) -> None:
        """Reads one token with an adapter, apart from all others: llama.cpp aborts over some only when they are used.

        It does so now, while nobody's prompt can be taken for the culprit.
        """
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = TRIAL_CELLS
        params.flash_attn_type = NO_FLASH
        context = llama_cpp.llama_init_from_model(self._model, params)
        if context:
            adapters: Any = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(loaded)
            llama_cpp.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0))
            token = (llama_cpp.llama_token * 1)(0)
            llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(token, 1))
            llama_cpp.llama_free(context)

    def _too_much(self, free: int | None) -> str | None:
        return too_much(self.cells, self.sequences, self._token_bytes(), free, common=bool(self.spec.cells))

    def _size_for(self, sequences: int) -> None:
        self.sequences = sequences
        trained = llama_cpp.llama_model_n_ctx_train(self._model)
        self._size = min(self.spec.n_ctx or trained, trained)
        self.cells = max(self.spec.cells, self._size) if self.spec.cells else self.sequences * self._size
        # Those who write take nothing away from the one whose prompt is read.
        self.budget = self._most_read + self.sequences - 1

    def _token_bytes(self) -> int:
        """What is kept of a token; 0 where that is not known: some models keep it in few of their layers, or none."""
        model, architecture = self._model, self._metadata("general.architecture")
        if (
            self.spec.embedding
            or llama_cpp.llama_model_is_recurrent(model)
            or llama_cpp.llama_model_is_hybrid(model)
            or self._metadata(f"{architecture}.attention.kv_lora_rank")
        ):
            return 0
        usual = llama_cpp.llama_model_n_embd(model) // max(1, llama_cpp.llama_model_n_head(model))
        lengths = (self._metadata(f"{architecture}.attention.{which}_length") for which in ("key", "value"))
        key, value = (int(stated) if stated.isdigit() else usual for stated in lengths)
        heads, kept_as = llama_cpp.llama_model_n_head_kv(model), (self.spec.cache_type_k, self.spec.cache_type_v)
        return token_bytes(llama_cpp.llama_model_n_layer(model), heads, key, value, kept_as)

    def _open_context(self) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = self.cells
        # Texts of one step share the room of one.
        params.n_seq_max = MOST_TEXTS if self.spec.embedding else self.sequences
        # In a common room each token looks through what all hold: with 8 prompts of 600 tokens on a processor that cost
        # as much again as all else.
        params.kv_unified = bool(self.spec.cells) or self.spec.embedding
        params.n_batch = params.n_ubatch = self._size if self.spec.embedding else self.budget
        params.n_threads_batch = self.threads
        is_small = llama_cpp.llama_model_size(self._model) < SMALL_BYTES and not self.spec.threads
        self._writing = self.spec.writing_threads or (min(self.threads, MOST_FOR_SMALL) if is_small else self.threads)
        params.n_threads = self._writing
        params.flash_attn_type = flash_type(self.spec)
        params.type_k = CACHE_NUMBERS[self.spec.cache_type_k]
        params.type_v = CACHE_NUMBERS[self.spec.cache_type_v]
        params.embeddings = self.spec.embedding
        if self.spec.embedding:
            params.pooling_type = self._pooling()
        return llama_cpp.llama_init_from_model(self._model, params)

    def _pooling(self) -> int:
        if self.spec.pooling:
            return POOLINGS[self.spec.pooling]
        stated = self._metadata(f"{self._metadata('general.architecture')}.pooling_type")
        if stated == str(POOLINGS["rank"]):
            raise LoadError(
                f"{self.spec.path} is a reranker, which makes no vectors; THREADLORE_RERANK__PATH takes it.",
                on_gpu=False,
            )
        return int(stated) if stated.isdigit() and int(stated) > 0 else int(llama_cpp.LLAMA_POOLING_TYPE_MEAN)

    def _describe(self, gpu_layers: int, offloaded: int, used: tuple[str, ...]) -> Report:
        description = ctypes.create_string_buffer(VALUE_BYTES)
        llama_cpp.llama_model_desc(self._model, description, VALUE_BYTES)
        template = self._template(None)
        names = {number: name for name, number in POOLINGS.items()}
        flash, cache_types = self._log.attention()
        trained = llama_cpp.llama_model_n_ctx_train(self._model)
        return Report(
            can_offload=devices.has_gpu(),
            requested_gpu_layers=gpu_layers,
            model_layers=llama_cpp.llama_model_n_layer(self._model) + 1,
            offloaded_layers=offloaded,
            devices=used,
            name=self._metadata("general.name"),
            description=description.value.decode("utf-8", "replace"),
            size_bytes=llama_cpp.llama_model_size(self._model),
            n_ctx=min(llama_cpp.llama_n_ctx_seq(self._context), self.spec.n_ctx or trained, trained),
            train_ctx=trained,
            embedding_dimension=llama_cpp.llama_model_n_embd(self._model),
            template=family_of(template),
            thinks=asks_for_thought(template),
            pooling=names.get(llama_cpp.llama_pooling_type(self._context), ""),
            tokenizer=TOKENIZERS.get(llama_cpp.llama_vocab_type(self._vocabulary), ""),
            threads=self.threads,
            parallel=self.sequences,
            writing_threads=llama_cpp.llama_n_threads(self._context),
            has_template=bool(template),
            lookup=self.spec.lookup if self.can_cut() and not self.spec.embedding else 0,
            batch=self._most_read,
            flash_attention=flash,
            cache_types=cache_types,
        )

    def _template(self, name: bytes | None) -> str:
        found = llama_cpp.llama_model_chat_template(self._model, name) or b""
        return bytes(found[:TEMPLATE_LIMIT]).decode("utf-8", "replace")

    def _marks(self) -> Marks:
        words = self._vocabulary
        return Marks.of(
            llama_cpp.llama_vocab_bos(words),
            llama_cpp.llama_vocab_eos(words),
            llama_cpp.llama_vocab_sep(words),
            is_wordpiece=llama_cpp.llama_vocab_type(words) == WORDPIECE,
        )

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(VALUE_BYTES)
        count = llama_cpp.llama_model_meta_val_str(self._model, key.encode(), buffer, VALUE_BYTES)
        return buffer.value.decode("utf-8", "replace") if count >= 0 else ""


def usable_processors() -> int:
    """Processors this process may use; where the system cannot say (macOS), those the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
