"""The command as a user types it: exit codes, one sentence, and nothing but JSON on standard output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bot.channel_config import ChannelConfigs
from bot.generation.room import free_bytes
from knowledge.access import Access
from knowledge.archive import Archive
from tests import small_reranker as small
from tests.lora_files import write_lora
from tests.talk import channel, described, said

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def threadlore(database_url, servers, tmp_path):
    """Runs the command against the test servers, or with other settings."""

    def run(*arguments, first_path="", **settings):
        given = {"DATABASE__URL": database_url, "REDIS__URL": servers[1], "HOME": str(tmp_path)} | settings
        environment = {name: value for name, value in os.environ.items() if not name.startswith("THREADLORE_")}
        environment |= {f"THREADLORE_{name}": value for name, value in given.items() if value is not None}
        environment["PYTHONPATH"] = f"{first_path}{os.pathsep}{REPOSITORY}" if first_path else str(REPOSITORY)
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    run.database_url = database_url
    return run


def assert_one_sentence(result, code, *words):
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert all(word in result.stderr for word in words), result.stderr


@pytest.mark.parametrize(
    ("settings", "code", "word"),
    [
        ({"MODEL__GPU_LAYERS": "many"}, 78, "THREADLORE_MODEL__GPU_LAYERS"),
        ({"MODEL__PAHT": "/x"}, 78, "THREADLORE_MODEL__PAHT"),
        ({"DATABASE__URL": "nonsense"}, 78, "postgresql://"),
        ({"DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none"}, 69, "THREADLORE_DATABASE__URL"),
        ({"REDIS__URL": "http://x"}, 78, "THREADLORE_REDIS__URL"),
        ({"MODEL__PATH": "/no/such.gguf"}, 78, "/no/such.gguf"),
        ({"MODEL__URL": "http://127.0.0.1:1/v1"}, 78, "THREADLORE_MODEL__NAME"),
        ({"MODEL__LORA": '[{"name": "a", "path": "/no/such.gguf"}]'}, 78, "set THREADLORE_MODEL__LORA to a GGUF file"),
        ({"MODEL__LORA": '[{"name": "a", "path": "/etc/hostname"}]'}, 78, "/etc/hostname is not a GGUF model"),
        ({"EMBEDDING__URL": "http://127.0.0.1:1/v1", "EMBEDDING__NAME": "x"}, 69, "x"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_its_exit_code(threadlore, settings, code, word):
    assert_one_sentence(threadlore("ask", "why?", "--json", **settings), code, word)


def test_a_file_that_is_no_model_is_named(threadlore, tmp_path):
    path = tmp_path / "letter.gguf"
    path.write_text("dear all")
    assert_one_sentence(threadlore("ask", "why?", "--json", MODEL__PATH=str(path)), 78, "letter.gguf", "GGUF")


def test_an_older_schema_is_refused_until_migrated(threadlore, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_version")
    assert_one_sentence(threadlore("status", "--json"), 78, "threadlore migrate")


def test_bad_usage_is_2(threadlore):
    assert threadlore("forget").returncode == 2
    assert threadlore("ask").returncode == 2
    assert threadlore("no-such-command").returncode == 2


@pytest.mark.model
def test_import_ask_forget_as_a_user_does_it(threadlore, tmp_path):
    corpus = tmp_path / "talk.jsonl"
    rows = [
        {
            "id": "1",
            "channel": "eng",
            "author": "quince",
            "ts": "2026-03-02T09:00",
            "text": "We dropped Kafka: it failed",
        },
        {
            "id": "2",
            "channel": "hr",
            "author": "damson",
            "ts": "2026-03-03T09:00",
            "text": "Canary raise",
            "private": True,
        },
    ]
    lines = [json.dumps(row) for row in rows]
    corpus.write_text("\n".join([*lines, '{"id": "3", "text": ', '"not an object"']), encoding="utf-8")
    imported = threadlore("import", str(corpus), "--json")
    (report,) = json.loads(imported.stdout)
    assert (report["read"], report["written"]) == (2, 2)
    assert [problem.split(": ")[0] for problem in report["problems"]] == ["talk.jsonl:3", "talk.jsonl:4"]
    (again,) = json.loads(threadlore("import", str(corpus), "--json").stdout)
    assert (again["read"], again["written"]) == (2, 0)

    answer = json.loads(threadlore("ask", "Why did we drop Kafka?", "--channel", "eng", "--json").stdout)
    assert answer["citations"][0]["message_id"] == "1"
    assert answer["scope"] == {"channels": ["eng"], "audience": "channel:jsonl:talk:eng"}
    hidden = threadlore("ask", "Which canary raise?", "--channel", "eng", "--json").stdout
    assert "Canary" not in hidden
    assert json.loads(hidden)["outcome"] == "declined"
    assert threadlore("ask", "hi", "--user", "nobody").returncode == 2

    assert threadlore("forget", "--message", "1").returncode == 0
    gone = json.loads(threadlore("ask", "Why did we drop Kafka?", "--channel", "eng", "--json").stdout)
    assert gone["outcome"] == "declined"
    (back,) = json.loads(threadlore("import", str(corpus), "--json").stdout)
    assert back["written"] == 0


@pytest.mark.model
def test_the_demo_runs_from_nothing(threadlore):
    result = threadlore("demo", DATABASE__URL=None, REDIS__URL=None)
    assert result.returncode == 0, result.stderr
    assert "[1]" in result.stdout
    assert "No answer" in result.stdout
    assert "https://tidepool.example/archives/" in result.stdout


@pytest.mark.model
def test_an_evaluation_prints_one_document_whatever_its_texts_hold(threadlore, tmp_path):
    texts = {"1": "The olive\u200b press stands behind the mill", "2": "Lunch is at noon"}
    rows = [{"id": key, "text": text, "lang": "en"} for key, text in texts.items()]
    query = {"id": "q1", "text": "where is the olive press?", "lang": "en", "answers": None, "answerable": True}
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "queries.jsonl").write_text(json.dumps(query))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t1\t1\n")
    result = threadlore("eval", "retrieval", "--data", str(tmp_path), "--ablate", "--json")
    assert result.returncode == 0, result.stderr
    [found, *ablated] = json.loads(result.stdout)["sets"]
    assert found["line"]["recall@5"] == 1.0
    assert [entry["without"] for entry in ablated] == ["context", "lexical", "dense", "history", "priors", "speaker"]


@pytest.mark.model
def test_abstention_is_measured_on_questions_that_bring_their_passages(threadlore, tmp_path):
    known, unknown = "The olive press stands behind the mill.", "Lunch is served at noon on weekdays."
    record = {"id": "r1", "text": "where is the olive press?", "positive": [known], "negative": [unknown]}
    (tmp_path / "records.jsonl").write_text(json.dumps(record))
    result = threadlore("eval", "abstention", "--data", str(tmp_path), "--json")
    assert result.returncode == 0, result.stderr
    [found] = json.loads(result.stdout)["sets"]
    assert (found["unanswerable"], found["refused"]) == (1, 1.0)
    assert (found["answerable"], found["falsely_refused"]) == (1, 0.0)
    assert found["auroc"] == 1.0
    assert [point["decline_below"] for point in found["curve"]][:2] == [0.05, 0.1]


@pytest.mark.model
def test_answers_are_measured_by_their_words_and_by_what_they_cite(threadlore, tmp_path):
    texts = {"1": "The olive press stands behind the mill", "2": "Lunch is at noon"}
    rows = [{"id": key, "text": text} for key, text in texts.items()]
    queries = [
        {"id": "q1", "text": "where is the olive press?", "answers": ["The olive press stands behind the mill"]},
        {"id": "q2", "text": "who sings?", "answers": None},
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t1\t1\n")
    result = threadlore("eval", "answers", "--data", str(tmp_path), "--json")
    assert result.returncode == 0, result.stderr
    [found] = json.loads(result.stdout)["sets"]
    assert (found["n"], found["declined"]) == (1, 0.0)
    assert found["f1"] > 0.7
    assert found["citation_recall"] == 1.0
    assert found["model"]


@pytest.mark.model
def test_speed_is_measured_in_databases_of_its_own_and_printed_as_one_document(threadlore):
    def measured(*order):
        result = threadlore("bench", *order, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    searched = measured("retrieval", "--messages", "200", "--queries", "2")
    assert (searched["messages"], searched["units"] > 0, searched["raw_sql_p50_ms"] > 0) == (200, True, True)
    named = {"visible", "p50_ms", "p95_ms", "recall@10_vs_exact", "returned_share"}
    assert all(named <= set(scope) for scope in searched["scopes"])
    assert {scope["returned_share"] for scope in searched["scopes"]} == {1.0}
    indexed = measured("index", "--messages", "12")
    named = "messages_per_s raw_embedder_texts_per_s texts_embedded efficiency lexical_ready_s dense_ready_s"
    assert set(named.split()) <= set(indexed)
    followed = measured("freshness", "--events", "2")
    for kind in ("post_to_lexical_ms", "post_to_dense_ms", "edit_ms", "delete_ms"):
        assert list(followed[kind]) == ["p50", "p95", "p99"]
    with psycopg.connect(threadlore.database_url) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname ~ 'bench|eval'").fetchall()
        kept = connection.execute("SELECT count(*) FROM message").fetchone()
    assert (left, kept) == ([], (0,))


@pytest.mark.model
async def test_a_channels_adapter_answers_while_its_file_is_whole(threadlore, tmp_path, database):
    await Access(database).record_channels([described("general")])
    await Archive(database).record([said("1", "We dropped Kafka because it failed twice", who="quince")])
    await ChannelConfigs(database, lambda: ["cellar"]).set(channel("general"), "model", "cellar")
    (tmp_path / "adapters").mkdir()
    adapter = write_lora(tmp_path / "adapters" / "cellar.gguf", 1)
    asked = ("ask", "Why did we drop Kafka?", "--channel", "general", "--json")
    assert json.loads(threadlore(*asked).stdout)["model"].endswith("+cellar")
    adapter.write_bytes(adapter.read_bytes()[:10_000])
    broken = threadlore(*asked)
    model = json.loads(broken.stdout)["model"]
    assert model
    assert not model.endswith("+cellar")
    assert "event=adapter_away" in broken.stderr


@pytest.mark.model
@pytest.mark.skipif((free_bytes() or 10**12) > 45 * 10**9, reason="48 GB would fit")
def test_doctor_says_which_number_of_answers_at_once_does_not_fit_into_memory(threadlore):
    result = threadlore("doctor", "--json", MODEL__PARALLEL="256", MODEL__CONTEXT="8192", MODEL__GPU_LAYERS="0")
    checks = {one["name"]: one for one in json.loads(result.stdout)}
    assert checks["model"]["found"].startswith("THREADLORE_MODEL__PARALLEL is 256: so many contexts of 8192 tokens")


def test_doctor_tells_what_to_mend(threadlore, tmp_path):
    result = threadlore("doctor", "--json", MODEL__PATH="/no/such.gguf", EMBEDDING__PATH="/no/other.gguf")
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert result.returncode == 69
    assert checks["database"]["ok"]
    assert "pgvector" in checks["database"]["found"]
    assert checks["redis"]["ok"]
    assert not checks["model"]["ok"]
    assert "THREADLORE_MODEL__PATH" in checks["model"]["mend"]


async def test_a_question_set_of_ones_own_is_made_once(threadlore, database):
    await Access(database).record_channels([described("general")])
    question = said("1", "How do I refresh staging from the backup?", who="quince")
    answer = said("2", "Run refresh-staging.", who="medlar", minute=1, thread="1")
    await Archive(database).record([question, answer, said("3", "thanks", minute=2, thread="1")])
    made = threadlore("eval", "label", "--out", "ours", "--channel", "general", "--json")
    assert json.loads(made.stdout)["questions"] == 1
    assert "forget" in made.stderr
    assert_one_sentence(threadlore("eval", "label", "--out", "ours"), 2, "--out ours", "new or empty")


@pytest.mark.model
def test_doctor_asks_it_and_says_what_is_wrong_with_it(threadlore, tmp_path):
    good, headless = small.write(tmp_path / "good.gguf"), small.write(tmp_path / "headless.gguf", head=False)

    def found(path):
        checks = json.loads(threadlore("doctor", "--json", RERANK__PATH=str(path)).stdout)
        return next(check for check in checks if check["name"] == "reranker")

    assert found(good)["ok"]
    assert found(good)["found"].startswith("good reads 20 passages in ")
    assert not found(headless)["ok"]
    assert "classification head" in found(headless)["found"]
