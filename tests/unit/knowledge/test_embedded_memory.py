"""How much memory the embedded PostgreSQL takes as its own cache."""

from pathlib import Path

import pytest

from knowledge import embedded_postgres
from knowledge.embedded_postgres import memory_mb, shared_buffers_mb


@pytest.mark.parametrize(
    ("memory", "buffers"), [(512, 128), (2048, 128), (4096, 256), (8192, 512), (16_384, 1024), (262_144, 1024)]
)
def test_the_cache_is_a_sixteenth_of_the_memory_between_two_bounds(memory: int, buffers: int) -> None:
    """A small machine keeps its memory for the models."""
    assert shared_buffers_mb(memory) == buffers


def test_a_container_has_what_it_may_use_and_not_what_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit counts where there is one."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(embedded_postgres, "MEMORY_LIMIT", limit)
    whole = memory_mb()
    limit.write_text(f"{300 << 20}\n")
    assert memory_mb() == 300
    limit.write_text("max\n")
    assert memory_mb() == whole
