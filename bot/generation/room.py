"""Whether what a model keeps of its prompts fits into this machine's memory. Runs in the child process only.

The system grants more memory than it has, and kills whoever uses it. So it is asked before, and a sentence says no.
"""

from pathlib import Path

# Of one number, as llama.cpp keeps it: the small ones in blocks of 32 with a scale for each.
BYTES = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
# What llama.cpp takes besides for its steps, and others need to go on.
SPARE = 0.1
MEMORY = Path("/proc/meminfo")
# A container's limit: of the second kind of control groups, then of the first.
GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)


def free_bytes() -> int | None:
    """Memory that can be had without anybody being killed for it; None where the system does not say (macOS)."""
    known = [_available(), *(_left(*files) for files in GROUPS)]
    return min((one for one in known if one is not None), default=None)


def token_bytes(
    layers: int, heads: int, key_length: int, value_length: int, kept_as: tuple[str, str] = ("f16", "f16")
) -> int:
    """What one token takes in all layers: a key and a value for each head that has them."""
    key, value = (BYTES[kind] for kind in kept_as)
    return round(layers * heads * (key_length * key + value_length * value))


def too_much(cells: int, sequences: int, token: int, free: int | None, *, common: bool = False) -> str | None:
    """The sentence for more tokens than there is memory for; None when they fit.

    Units: `token` and `free` in bytes; `cells` is the number of tokens of all `sequences` together, in `common` or with
    as much for each.
    """
    wanted = cells * token
    if free is None or not token or wanted <= free * (1 - SPARE):
        return None
    context = cells // sequences
    fit = int(free * (1 - SPARE)) // token
    sizes = f"{wanted / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
    if common:
        return f"THREADLORE_MODEL__CELLS: {cells} tokens take {sizes}; {fit} would fit."
    if sequences > 1 and fit >= context:
        return (
            f"THREADLORE_MODEL__PARALLEL is {sequences}: so many contexts of {context} tokens take {sizes}; "
            f"{fit // context} would fit."
        )
    return f"THREADLORE_MODEL__CONTEXT: {cells} tokens take {sizes}; {fit // sequences} would fit."


def _available() -> int | None:
    numbers = _numbers(MEMORY)
    return numbers["MemAvailable"] * 1024 if "MemAvailable" in numbers else None


def _left(limit: Path, used: Path, details: Path) -> int | None:
    """What a control group may still take; the files that it has read count as used, and give way."""
    try:
        left = int(limit.read_text()) - int(used.read_text())
    except (OSError, ValueError):  # there is no such file, or it says that there is no limit
        return None
    return max(0, left + _numbers(details).get("inactive_file", 0))


def _numbers(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    words = [line.replace(":", " ").split()[:2] for line in lines]
    return {pair[0]: int(pair[1]) for pair in words if pair[1:] and pair[1].isdigit()}
