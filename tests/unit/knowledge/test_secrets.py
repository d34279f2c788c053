"""What looks like a secret is masked, and ordinary words are not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.kept import kept
from knowledge.secrets import MASK, masked

# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "slack bot": "xox" + "b-123456789012-1234567890123-abcdefABCDEF123456789012",
    "slack rotated": "xox" + "e.xoxp-1-Mi0yLTEyMzQ1Njc4OTAxMi0xMjM0NTY3ODkw",
    "slack app": "xap" + "p-1-A0123456789-1234567890123-0123456789abcdef0123456789abcdef",
    "slack webhook": "hooks.slack" + ".com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "github": "ghp" + "_0123456789abcdefghijABCDEFGHIJ012345",
    "github fine": "github" + "_pat_11ABCDEFG0123456789_abcdefghijklmnop",
    "gitlab": "glp" + "at-abcdefghij0123456789",
    "aws": "AK" + "IAIOSFODNN7EXAMPLE",
    "google": "AI" + "zaSyA0123456789abcdefghijklmnopqrstuv",
    "stripe": "sk_" + "live_0123456789abcdefABCDEF",
    "openai": "sk-" + "proj-0123456789abcdefghijklmn",
    "hugging face": "hf" + "_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "discord": "MTA" + "xMjM0NTY3ODkwMTIzNDU2Nw.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB",
    "key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nabc==\n-----END RSA PRIVATE KEY-----",
}
ORDINARY = [
    "we ask-ed for a risk-free task-force in the disk-usage-report-of-last-week",
    "sk-8 is a skate park",
    "the commit 3f786850e387550fdab836ed7e6dc881de23001b broke it",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "Marketing.Review.Of.The.Year and Node.JS",
    "https://tidepool.example/archives/C0ENGINEER/p1774369800000100",
    "ssh://git@tidepool.example:22/kelp.git, mailto:quince@tidepool.example",
    "xoxo, Quince",
    "-----BEGIN CERTIFICATE----- is public",
    "我们用 Postgres 队列代替 Kafka",
]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("form", ["{}", "token: {} please", "`{}`", "KEY={}", '"{}",', "密钥{}。", "a\n{}\nb"])
def test_a_secret_is_masked_wherever_it_stands(secret, form):
    shown, count = masked(form.format(secret))
    assert count == 1
    assert secret not in shown
    assert shown.startswith(form.format(MASK)[: len(MASK)])


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_are_left_alone(text):
    assert masked(text) == (text, 0)


def test_a_password_in_an_address_is_masked_and_the_address_stays():
    assert (
        masked("postgres" + "ql://lore:hunter22@db.internal:5432/x").text
        == f"postgresql://lore:{MASK}@db.internal:5432/x"
    )


def test_a_key_without_its_end_is_masked_to_the_end():
    assert masked("look: -----BEGIN PRIVATE " + "KEY-----\nMIIE\nmore").text == f"look: {MASK}"


def test_a_secret_with_a_hidden_seam_is_masked():
    secret = SECRETS["github"]
    assert kept(f"{secret[:9]}\u200b{secret[9:]}") == (MASK, 1, 1)


@given(st.lists(st.sampled_from([*SECRETS.values(), *ORDINARY, MASK, "<!--", "-->", "\u200b", " ", "://a:", "b@"])))
def test_a_second_time_nothing_is_masked(pieces):
    first = kept("".join(pieces))
    again = kept(first.text)
    assert again.cut == 0
    assert again.text == first.text


@pytest.mark.parametrize(
    "piece", ["eyJaaaaaaaa.", "xoxb-", "-----BEGIN PRIVATE KEY-----", "://a:b", "M", "sk-", "://a:"]
)
def test_time_grows_with_length_only(piece):
    def seconds(size):
        text = piece * (size // len(piece))

        def once():
            begin = time.process_time()
            masked(text)
            return time.process_time() - begin

        return min(once() for _ in range(3))

    assert seconds(80_000) < 40 * max(seconds(10_000), 0.001)
