"""Files as people attach them, read by the real child."""

import io
import zipfile
import zlib

import pytest
from structlog.testing import capture_logs

from bot.attachments.reader import DocumentReader
from tests.fakes.documents import pdf

LOCKED = "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{0}> /U <{0}> >> /ID [<00> <00>]".format("ab" * 32)
NO_CHILD = ("/nonexistent/program",)


@pytest.fixture
def reader():
    return DocumentReader()


@pytest.fixture
def logged():
    with capture_logs() as lines:
        yield lines


def zipped(name, text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


# ---- what is read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
async def test_unicode_text_is_read_without_a_child(encoding):
    text = "季度报告 für Quince\nsecond line"
    assert await DocumentReader(command=NO_CHILD).text_of("a.md", "text/plain", text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "会议纪要"),
        ("gb18030", "2025-03-01 10:00:00 ERROR 连接超时 host=db1\n2025-03-01 10:00:01 INFO 重试成功"),
        ("big5", "部署手冊：先停止舊服務，再執行遷移腳本，最後檢查日誌。"),
        ("cp932", "デプロイ手順：まず古いサービスを停止してください。"),
        ("cp949", "배포 안내서: 먼저 이전 서비스를 중지하고 마이그레이션 스크립트를 실행하십시오."),
        ("cp1252", "Le déploiement a échoué à cause d’une clé expirée; voir les journaux."),
        ("koi8_r", "Руководство: сначала остановите старую службу, затем запустите миграцию."),
    ],
)
async def test_text_in_an_older_encoding_is_read(reader, encoding, text):
    assert await reader.text_of("notes.txt", "text/plain", text.encode(encoding)) == text


async def test_a_long_text_in_an_older_encoding_is_cut_between_characters():
    reader = DocumentReader(output_chars=1000)
    text = await reader.text_of("notes.log", "text/plain", ("连接超时 重试成功\n" * 10_000).encode("gb18030"))
    assert text == ("连接超时 重试成功\n" * 100)[:1000].strip()


async def test_a_page_becomes_markdown_and_its_scripts_are_left_out(reader):
    page = (
        "<html><head><script>alert(1)</script></head><body><h1>Harvest</h1><ul><li>quinces — 9</li></ul></body></html>"
    )
    assert await reader.text_of("page.html", "text/html", page.encode()) == "# Harvest\n\n* quinces — 9"


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><meta charset=gb2312></head><body>部署手册 nginx</body></html>".encode("gb18030"),
        "<!doctype html><body>部署手册 nginx".encode("utf-16"),
        "<body>部署手册 nginx".encode(),
    ],
)
async def test_a_page_is_read_in_its_own_encoding(reader, page):
    assert await reader.text_of("page.htm", "", page) == "部署手册 nginx"


async def test_a_deeply_nested_page_is_read_as_plain_text(reader):
    assert await reader.text_of("page.html", "", b"<div>" * 20_000 + b"bottom") == "bottom"


async def test_a_pdf_is_read_page_by_page(reader):
    pages = [[f"Page {number} tells of the quince harvest."] for number in range(1, 10)]
    text = await reader.text_of("report.pdf", "application/pdf", pdf(*pages))
    assert text.split("\n\n") == [lines[0] for lines in pages]


async def test_a_table_in_a_pdf_becomes_a_table(reader):
    rows = ["Fruit\tOrchard\tCrates", "quince\tnorth\t12", "tamarind\tsouth\t7", "juniper\twest\t3"]
    text = await reader.text_of("table.pdf", "application/pdf", pdf(rows))
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()][2:] == [
        row.split("\t") for row in rows[1:]
    ]


async def test_of_a_long_pdf_the_beginning_is_read_and_no_more(logged):
    reader = DocumentReader(output_chars=500, wall_seconds=15)
    pages = [[f"{page}.{line} The quince harvest was late by nine days." for line in range(40)] for page in range(200)]
    text = await reader.text_of("manual.pdf", "application/pdf", pdf(*pages))
    assert text.startswith("0.0 The quince")
    assert 450 < len(text) <= 500
    assert logged == []


async def test_a_long_text_is_cut():
    text = await DocumentReader(command=NO_CHILD).text_of("a.log", "", b"0123456789" * 30_000)
    assert text == "0123456789" * 10_000


async def test_a_long_text_cut_within_a_character_is_still_text():
    reader = DocumentReader(command=NO_CHILD, output_chars=10)
    assert await reader.text_of("a.txt", "", ("at" + "…" * 100).encode()) == "at" + "…" * 8


# ---- what is not read


@pytest.mark.parametrize(
    ("name", "mime", "data"),
    [
        ("empty.txt", "text/plain", b""),
        ("blank.txt", "text/plain", b" \n\t\n"),
        ("notes.txt", "text/plain", zipped("notes.txt", "quince " * 1000)),
        ("notes.docx", "application/pdf", zipped("word/document.xml", "<w/>")),
        ("picture.md", "text/markdown", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"),
        ("notes.txt", "text/plain", zlib.compress(bytes(range(256)) * 9).replace(b"\0", b"")),
        ("report.pdf", "application/pdf", b"This is no PDF at all."),
        ("drawing.svg", "image/svg+xml", b"<svg><path d='M0 0'/></svg>"),
    ],
)
async def test_other_files_have_no_text_and_start_no_child(logged, name, mime, data):
    assert await DocumentReader(command=NO_CHILD).text_of(name, mime, data) is None
    assert logged == []


@pytest.mark.parametrize("data", [b"%PDF-1.4 nonsense", pdf(["secret"], trailer=LOCKED)], ids=["broken", "locked"])
async def test_a_pdf_that_cannot_be_read_has_no_text(reader, logged, data):
    assert await reader.text_of("report.pdf", "application/pdf", data) is None
    assert [(line["outcome"], line["exit_code"], line["input_bytes"]) for line in logged] == [("failed", 1, len(data))]


async def test_a_pdf_that_lost_its_table_is_read_all_the_same(reader):
    broken = pdf(["The harvest was late."]).replace(b"startxref\n", b"startxref\n9")
    assert await reader.text_of("report.pdf", "", broken) == "The harvest was late."


async def test_a_pdf_without_words_has_no_text(reader, logged):
    assert await reader.text_of("scan.pdf", "application/pdf", pdf([])) is None
    assert logged == []


async def test_a_large_file_is_not_read(logged):
    assert await DocumentReader(input_bytes=10).text_of("a.txt", "", b"eleven char") is None
    assert [(line["outcome"], line["input_bytes"]) for line in logged] == [("too_large", 11)]
