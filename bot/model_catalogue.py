"""Models a team can choose from, and fetching them: `threadlore models list` and `threadlore models pull`.

The choices, sizes and checksums are taken from what the publishers and other projects state. None of
these files was run where this list was written; memory is computed, not measured.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from bot.errors import DependencyDown, UsageProblem
from bot.generation.model_files import models_directory

NOTE = "Not run where this list was written: sizes and checksums as published, memory computed."

OnProgress = Callable[[int, int], None]
"""Called with the bytes fetched so far and the bytes in total (0 when unknown)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One model file. `memory_gb` is weights plus working memory, for a chat model with a context of 8,192 tokens.

    `gpu_gb` names the graphics cards (8, 16, 24 GB) on which it is a good choice, beside an embedding model.
    `sha256` None: no checksum was published where we could find it, so the file cannot be verified.
    """

    name: str
    kind: Literal["chat", "embedding", "reranker"]
    repository: str
    file: str
    licence: str
    size_bytes: int
    memory_gb: float
    gpu_gb: tuple[int, ...]
    sha256: str | None = None
    remark: str = ""

    @property
    def verified(self) -> bool:
        """Whether a download is checked against a known checksum."""
        return self.sha256 is not None


CHOICES = (
    Choice(
        "qwen3-4b-instruct",
        "chat",
        "bartowski/Qwen_Qwen3-4B-Instruct-2507-GGUF",
        "Qwen_Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        "Apache-2.0",
        2_497_280_736,
        4.3,
        (8,),
        "2fde00ce69dd4899c70d020845e2638353015bba0fdf161b3eb965f2bca4464e",
        "answers directly; the smallest we would deploy",
    ),
    Choice(
        "qwen3-8b",
        "chat",
        "Qwen/Qwen3-8B-GGUF",
        "Qwen3-8B-Q4_K_M.gguf",
        "Apache-2.0",
        5_027_783_488,
        6.9,
        (16,),
        "d98cdcbd03e17ce47681435b5150e34c1417f50b5c0019dd560e4882c5745785",
        "asked to answer without thinking aloud",
    ),
    Choice(
        "qwen3-8b-q8",
        "chat",
        "Qwen/Qwen3-8B-GGUF",
        "Qwen3-8B-Q8_0.gguf",
        "Apache-2.0",
        8_709_518_624,
        10.6,
        (24,),
        None,
        "the same model in finer numbers; size approximate",
    ),
    Choice(
        "qwen3-embedding-0.6b",
        "embedding",
        "Qwen/Qwen3-Embedding-0.6B-GGUF",
        "Qwen3-Embedding-0.6B-Q8_0.gguf",
        "Apache-2.0",
        639_150_592,
        1.0,
        (8, 16, 24),
        "06507c7b42688469c4e7298b0a1e16deff06caf291cf0a5b278c308249c3e439",
        "1,024 dimensions, last-token pooling",
    ),
    Choice(
        "bge-m3",
        "embedding",
        "ggml-org/bge-m3-Q8_0-GGUF",
        "bge-m3-q8_0.gguf",
        "MIT",
        634_553_760,
        1.0,
        (8, 16, 24),
        "aa473d51f451a22f0fcf39ba3330c14bed38a385712b1113440f69df4047a173",
        "1,024 dimensions, over 100 languages",
    ),
    Choice(
        "multilingual-e5-base",
        "embedding",
        "dinab/multilingual-e5-base-Q8_0-GGUF",
        "multilingual-e5-base-q8_0.gguf",
        "MIT",
        303_138_624,
        0.5,
        (8,),
        "548c31b068947aa26b86c8bbfc1f2fabe5233f6d0e1241319832b20a01e5968a",
        "768 dimensions, texts up to 512 tokens; checksum from one source only",
    ),
    Choice(
        "bge-reranker-v2-m3",
        "reranker",
        "gpustack/bge-reranker-v2-m3-GGUF",
        "bge-reranker-v2-m3-Q4_K_M.gguf",
        "Apache-2.0",
        438_376_864,
        0.8,
        (8, 16, 24),
        "e186a244ed455b4ab66ec64339ce7427a6ae13f5c0b5e544de96e50f0f8b3673",
    ),
    Choice(
        "qwen3-reranker-0.6b",
        "reranker",
        "ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF",
        "qwen3-reranker-0.6b-q8_0.gguf",
        "Apache-2.0",
        639_153_184,
        1.0,
        (16, 24),
        "22c9979ce4fbcdc5acdc310c6641c32797eff1aa980b8f7a2db8a8ea23429a48",
    ),
)


def choice_named(name: str) -> Choice:
    """The choice of that name.

    Errors: `UsageProblem`, which lists the names there are.
    """
    for choice in CHOICES:
        if choice.name == name:
            return choice
    raise UsageProblem(f"There is no model named {name}; choose one of {', '.join(each.name for each in CHOICES)}.")


def known_sha256(path: Path, home: Path) -> str | None:
    """The checksum a file in the models folder must have; elsewhere a name says nothing about what it is."""
    if path.absolute().parent != models_directory(home).absolute():
        return None
    return next((choice.sha256 for choice in CHOICES if choice.file == path.name), None)


def pull(
    name: str,
    home: Path,
    *,
    endpoint: str | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """Fetches a model into the models folder and returns its path; a file already there is kept.

    An interrupted download is taken up again. The file appears under its name only when it is complete
    and, where a checksum is known, verified. `endpoint` is another server with the hub's interface.
    Errors: `UsageProblem`, `DependencyDown`.
    """
    choice = choice_named(name)
    target = models_directory(home) / choice.file
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.partial")
    with _only_one(draft):
        _download(choice, draft, endpoint, on_progress or (lambda _done, _total: None))
        if choice.sha256 is not None and _sha256(draft) != choice.sha256:
            draft.unlink()
            raise DependencyDown(f"{choice.file} is not the file it should be (its checksum differs); it was removed.")
        draft.replace(target)
    return target


def _download(choice: Choice, draft: Path, endpoint: str | None, on_progress: OnProgress) -> None:
    """Adds to the draft what is missing. The hub's own function for a whole file keeps nothing of a broken download."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    # The hub's error is its HTTP client's error with more to say; the client differs between its versions.
    http_error = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    try:
        url = hf_hub_url(choice.repository, choice.file, endpoint=endpoint)
        size = get_hf_file_metadata(url, token=False, endpoint=endpoint).size
        with draft.open("ab") as file:
            if size is not None and file.tell() > size:
                file.truncate(0)
            http_get(
                url,
                file,
                headers=build_hf_headers(token=False),
                resume_size=file.tell(),
                expected_size=size,
                displayed_filename=choice.file,
                tqdm_class=_progress_class(on_progress),
            )
    except (http_error, HfHubHTTPError, OSError, ValueError) as error:
        raise DependencyDown(
            f"Could not fetch {choice.file} ({type(error).__name__}); run the command again to continue."
        ) from error


@contextmanager
def _only_one(draft: Path) -> Iterator[None]:
    """Two downloads of one file at once would write into each other.

    Errors: `DependencyDown` while another process holds the draft.
    """
    with draft.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DependencyDown(f"Another process is fetching this model; {draft.name} is in use.") from error
        yield


def _progress_class(on_progress: OnProgress) -> type[Any]:
    """The hub's progress bar, silent, reporting to `on_progress` instead."""
    from huggingface_hub.utils.tqdm import tqdm

    class Reported(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.bytes_done = int(kwargs.get("initial") or 0)
            self.bytes_total = int(kwargs.get("total") or 0)
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call] # the library's

        def update(self, n: float | None = 1) -> None:
            self.bytes_done += int(n or 0)
            on_progress(self.bytes_done, self.bytes_total)

    return Reported


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
