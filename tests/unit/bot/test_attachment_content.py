"""What files are told to be, and the text of those that say it plainly."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.attachments.content import Kind, is_binary, kind_of, tidy, unicode_text


@pytest.mark.parametrize(
    ("name", "mime", "data", "kind"),
    [
        ("notes.txt", "text/plain", b"late", Kind.TEXT),
        ("Dockerfile", "application/octet-stream", b"FROM scratch", Kind.TEXT),
        ("server.log.1", "", b"\x1b[31mERROR\x1b[0m late", Kind.TEXT),
        ("main.ts", "video/mp2t", b"const a = 1;", Kind.TEXT),
        ("table.csv", "image/png", b"a,b\n1,2\n", Kind.TEXT),
        ("notes.txt", "", "季度".encode("gb18030"), Kind.TEXT),
        ("component.vue", "text/html", b"<template></template>", Kind.TEXT),
        ("page.html", "", b"no markup at all", Kind.TEXT),
        ("page.html", "", b"<p>late", Kind.HTML),
        ("page", "text/html; charset=utf-8", b"<p>late", Kind.HTML),
        ("page.txt", "text/plain", b"\xef\xbb\xbf\r\n<!DOCTYPE html><p>late", Kind.HTML),
        ("page.txt", "", "<HTML>".encode("utf-16"), Kind.HTML),
        ("report.pdf", "application/pdf", b"%PDF-1.7\n", Kind.PDF),
        ("report", "", b"%PDF-1.7\n", Kind.PDF),
        ("report.PDF", "", b"\r\n\0%PDF-1.7\n", Kind.PDF),
        ("report", "Application/PDF", b"junk %PDF-1.7\n", Kind.PDF),
        ("notes.md", "text/markdown", b"A file begins with %PDF-1.7", Kind.TEXT),
        ("report.pdf", "application/pdf", b"late", None),
        ("report.pdf", "application/pdf", b" " * 2000 + b"%PDF-1.7", None),
        ("notes.txt", "text/plain", b"", None),
        ("notes.txt", "text/plain", b"PK\x03\x04\0\0late", None),
        ("notes.txt", "text/plain", "la\0te".encode("utf-16"), None),
        ("letter.rtf", "text/plain", rb"{\rtf1 late}", None),
    ],
)
def test_a_file_is_what_its_bytes_and_its_name_agree_on(name, mime, data, kind):
    assert kind_of(name, mime, data) is kind


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("\x1b[1;31mERROR\x1b[0m late", "ERROR late"),
        ("one\r\ntwo\rthree\x0cfour\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("\n\n  one  \n \n\n\n\ttwo\n\n", "  one\n\n\ttwo"),
        ("l\0a\x07te", "late"),
    ],
)
def test_text_is_tidied(text, tidied):
    assert tidy(text) == tidied


def test_tidying_long_runs_takes_no_time():
    for run in (" ", "\n", "\x1b[", "\x1b[1;", "\r", "\0"):
        assert len(tidy(run * 200_000 + "x")) <= 600_001


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_of_a_beginning_the_last_character_may_be_cut(encoding):
    data = "季度报告".encode(encoding)[:-1]
    assert unicode_text(data, whole=False) == "季度报"
    assert unicode_text(data) is None


@given(name=st.text(), mime=st.text(), data=st.binary())
@example("\0/\ud800.pdf", "\udfff", b"\xff\xfe\0\xd8")
def test_no_bytes_and_no_name_do_harm(name, mime, data):
    kind_of(name, mime, data)
    assert isinstance(unicode_text(data) or "", str)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_text_is_never_binary(text, encoding):
    assert not is_binary(text.encode(encoding))


@given(st.text())
def test_tidied_text_stays_tidy(text):
    once = tidy(text)
    assert tidy(once) == once
    assert "\0" not in once
