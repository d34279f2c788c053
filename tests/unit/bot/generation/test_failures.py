"""How often a prompt may kill, and how often a child may be started again: bookkeeping, with a clock in hand."""

import pytest

from bot.errors import BadConfiguration
from bot.generation.failures import Quarantine, Restarts, key_of
from bot.generation.loading import check_sha256, fewer_and_fewer
from bot.generation.sequence import Embed, Generate, Segment


def test_a_prompt_is_held_after_its_second_death_and_let_go_when_it_went_through():
    quarantine = Quarantine()
    quarantine.blame(b"one")
    assert not quarantine.holds(b"one")
    quarantine.acquit(b"one")
    quarantine.blame(b"one")
    assert not quarantine.holds(b"one")
    quarantine.blame(b"one")
    assert quarantine.holds(b"one")
    assert len(quarantine) == 1


def test_the_quarantine_is_bounded():
    quarantine = Quarantine(most=3)
    for number in range(10):
        quarantine.blame(bytes([number]))
        quarantine.blame(bytes([number]))
    assert [number for number in range(10) if quarantine.holds(bytes([number]))] == [7, 8, 9]


def test_a_request_is_known_again_by_what_it_asks_and_not_by_its_id():
    def ask(name, words, **more):
        return key_of(Generate(name, (Segment(words),), **more))

    assert ask("1", "a") == ask("2", "a")
    assert len({ask("1", "a"), ask("1", "b"), ask("1", "a", lora="style")}) == 3
    assert key_of(Embed("1", ("a", "b")), 1) == key_of(Embed("2", ("b",)), 0)
    assert key_of(Embed("1", ("a", "b")), 2) == key_of(Embed("2", ("b",)), 0)  # it died with all of them done


def test_who_shared_a_step_that_killed_is_suspected_until_he_went_through():
    quarantine = Quarantine()
    for key in (b"one", b"two"):
        quarantine.blame(key)
        assert quarantine.suspects(key)
    quarantine.acquit(b"two")
    assert not quarantine.suspects(b"two")
    assert len(quarantine) == 0


def test_that_it_runs_alone_makes_it_no_other_prompt():
    assert key_of(Generate("1", (Segment("a"),), alone=True)) == key_of(Generate("2", (Segment("a"),)))


def test_restarts_wait_longer_each_time_and_then_for_the_oldest_to_be_forgotten():
    restarts = Restarts(most=3, within_seconds=300)
    now, waits = 1000.0, []
    restarts.starting(now)
    for _ in range(4):
        restarts.died(now)
        waits.append(restarts.wait(now))
        now += waits[-1]
        restarts.starting(now)
    assert waits[:3] == [0.25, 0.5, 1.0]
    assert waits[3] == 300 - 0.5 - 1.0
    assert restarts.total == 4


def test_a_child_that_works_shortens_the_next_pause_but_does_not_buy_more_restarts():
    restarts = Restarts(most=2, within_seconds=300)
    restarts.starting(0)
    for _ in range(2):
        restarts.died(0)
        assert restarts.wait(0) == 0.25
        restarts.starting(0)
        restarts.worked()
    restarts.died(0)
    assert restarts.used_up(299)
    assert restarts.wait(299) == 1
    assert not restarts.used_up(300)


@pytest.mark.parametrize(
    ("wanted", "tried"), [(-1, (-1, 24, 12, 0)), (33, (33, 16, 8, 0)), (1, (1, 0)), (0, (0,)), (2, (2, 1, 0))]
)
def test_each_try_puts_fewer_layers_on_the_gpu_and_the_last_none(wanted, tried):
    assert fewer_and_fewer(wanted) == tried


def test_a_file_is_the_one_whose_checksum_it_has(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    right = "c23da89b1f6b2f9e5b1c5cd65b1d4b1d9bd7dd9d8f6c7ba2fcb2ea9ab1d2bfc8"
    with pytest.raises(
        BadConfiguration, match=r"model\.gguf is not the model file .* and THE_SETTING says c23d"
    ) as said:
        check_sha256(path, right, "THE_SETTING")
    found = str(said.value).split("SHA-256 is ")[1].split(",")[0]
    check_sha256(path, found.upper(), "THE_SETTING")
