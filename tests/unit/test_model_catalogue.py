"""The catalogue, against a local server that stands in for the hub."""

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot import model_catalogue
from bot.errors import DependencyDown, UsageProblem
from bot.model_catalogue import CHOICES, choice_named, pull

CONTENT = b"GGUF" + bytes(range(256)) * 4096
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """Serves one file at the hub's address for it; can break off, and can continue."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        server = self.server
        server.requests.append((self.command, self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        if server.missing:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{CHECKSUM}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(server.content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.end_headers()
        if body:
            end = server.break_at.pop() if server.break_at else len(server.content)
            self.wfile.write(server.content[start:end])
            if end < len(server.content):
                self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.requests, server.content, server.missing, server.break_at = [], CONTENT, False, []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def choice(monkeypatch):
    choice = replace(CHOICES[0], name="small", file="small.gguf", sha256=CHECKSUM, size_bytes=len(CONTENT))
    monkeypatch.setattr(model_catalogue, "CHOICES", (*CHOICES, choice))
    return choice


def address(hub):
    return f"http://127.0.0.1:{hub.server_address[1]}"


def test_every_size_of_card_has_a_model_of_each_kind():
    for size in (8, 16, 24):
        assert {choice.kind for choice in CHOICES if size in choice.gpu_gb} == {"chat", "embedding", "reranker"}
    for choice in CHOICES:
        assert choice.sha256 is None or len(bytes.fromhex(choice.sha256)) == 32
        assert choice.licence
        assert choice.memory_gb * 1e9 > choice.size_bytes
    assert len({choice.name for choice in CHOICES}) == len(CHOICES)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UsageProblem, match="qwen3-8b"):
        pull("gpt-9", tmp_path)
    assert choice_named("bge-m3").licence == "MIT"


def test_a_model_is_fetched_verified_and_kept(tmp_path, hub, choice):
    progress = []
    path = pull(
        "small", tmp_path, endpoint=address(hub), on_progress=lambda done, total: progress.append((done, total))
    )
    assert path == tmp_path / "models" / "small.gguf"
    assert path.read_bytes() == CONTENT
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert hub.requests[-1][1] == f"/{choice.repository}/resolve/main/small.gguf"
    assert all(authorization is None for *_, authorization in hub.requests)
    asked = len(hub.requests)
    assert pull("small", tmp_path, endpoint=address(hub)) == path
    assert len(hub.requests) == asked
    assert [each.name for each in path.parent.iterdir() if each.is_file()] == ["small.gguf"]


def test_a_broken_connection_is_continued(tmp_path, hub, choice, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    hub.break_at = [300_000]
    assert pull("small", tmp_path, endpoint=address(hub)).read_bytes() == CONTENT
    assert f"bytes={4 << 16}-" in {span for command, _, span, _ in hub.requests if command == "GET"}


def test_an_interrupted_download_is_continued_by_the_next_command(tmp_path, hub, choice, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)

    def interrupt(done, total):
        if done >= total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("small", tmp_path, endpoint=address(hub), on_progress=interrupt)
    assert not (tmp_path / "models" / "small.gguf").exists()
    progress = []
    path = pull("small", tmp_path, endpoint=address(hub), on_progress=lambda *each: progress.append(each))
    assert path.read_bytes() == CONTENT
    assert progress[0][0] > len(CONTENT) // 2 - (1 << 16)
    assert hub.requests[-1][2].startswith("bytes=")


def test_two_downloads_do_not_mix(tmp_path, hub, choice):
    def again(_done, _total):
        with pytest.raises(DependencyDown, match="Another process"):
            pull("small", tmp_path, endpoint=address(hub))

    assert pull("small", tmp_path, endpoint=address(hub), on_progress=again).read_bytes() == CONTENT


def test_a_file_with_another_checksum_is_removed(tmp_path, hub, choice):
    hub.content = CONTENT[:-1] + b"x"
    with pytest.raises(DependencyDown, match="checksum"):
        pull("small", tmp_path, endpoint=address(hub))
    assert [each for each in (tmp_path / "models").rglob("*") if each.is_file()] == []


def test_a_server_without_the_file_is_one_sentence(tmp_path, hub, choice):
    hub.missing = True
    with pytest.raises(DependencyDown, match=r"Could not fetch small\.gguf"):
        pull("small", tmp_path, endpoint=address(hub))


def test_no_server_at_all_is_one_sentence(tmp_path, choice):
    with pytest.raises(DependencyDown, match=r"Could not fetch small\.gguf"):
        pull("small", tmp_path, endpoint="http://127.0.0.1:9")
