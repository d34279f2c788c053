"""Whether a context fits into memory, counted on made-up machines."""

import pytest

from bot.generation import room
from bot.generation.room import free_bytes, token_bytes, too_much


def test_a_token_of_the_small_model_takes_what_the_settings_page_says():
    assert 4096 * token_bytes(30, 3, 64, 64) == 94_371_840
    assert token_bytes(30, 3, 64, 64, ("q8_0", "q4_0")) == 30 * 3 * (68 + 36)


@pytest.mark.parametrize(
    ("cells", "sequences", "free", "says"),
    [
        (4096, 1, 200, None),
        (4096, 1, None, None),
        (256 * 4096, 256, 1000, "THREADLORE_MODEL__PARALLEL is 256: so many contexts of 4096 tokens take 24.2 GB"),
        (256 * 4096, 256, 1000, "and 1.0 GB are free; 9 would fit."),
        (8192, 1, 100, "THREADLORE_MODEL__CONTEXT: 8192 tokens take 0.2 GB, and 0.1 GB are free; 3906 would fit."),
        (8 * 8192, 8, 100, "THREADLORE_MODEL__CONTEXT: 65536 tokens take 1.5 GB, and 0.1 GB are free; 488 would fit."),
    ],
)
def test_too_much_is_said_with_the_setting_and_what_would_fit(cells, sequences, free, says):
    sentence = too_much(cells, sequences, 23_040, free and free * 10**6)
    assert sentence is None if says is None else says in sentence


def test_a_common_room_has_a_setting_of_its_own():
    sentence = too_much(65_536, 8, 23_040, 10**9, common=True)
    assert sentence == "THREADLORE_MODEL__CELLS: 65536 tokens take 1.5 GB, and 1.0 GB are free; 39062 would fit."


def test_what_would_fit_does():
    for free in (100, 500, 1000):
        sentence = too_much(256 * 4096, 256, 23_040, free * 10**6)
        fits = int(sentence.rsplit("; ", 1)[1].split()[0])
        sequences, context = (fits, 4096) if "PARALLEL" in sentence else (256, fits)
        assert too_much(sequences * context, sequences, 23_040, free * 10**6) is None


def test_of_a_model_that_keeps_it_elsewhere_nothing_is_known():
    assert too_much(10**9, 1, 0, 1) is None


@pytest.fixture
def machine(tmp_path, monkeypatch):
    files = [tmp_path / name for name in ("max", "current", "stat")]
    monkeypatch.setattr(room, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(room, "GROUPS", (tuple(files), tuple(tmp_path / f"none{n}" for n in range(3))))

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / name).write_text(text)

    return write


def test_free_is_what_the_machine_and_its_container_leave(machine):
    assert free_bytes() is None
    machine(meminfo="MemTotal:  2000 kB\nMemAvailable:   1000 kB\nHugePages: 0\n\n")
    assert free_bytes() == 1_024_000
    machine(max="max\n", current="5\n", stat="")
    assert free_bytes() == 1_024_000
    machine(max="900000\n", current="700000\n", stat="anon 1\ninactive_file 100000\n")
    assert free_bytes() == 300_000
    machine(max="600000\n")
    assert free_bytes() == 0
