"""Passwords and keys in the settings are written nowhere, whatever goes wrong with what they open."""

import http.server
import json
import re
import socketserver
import struct
import threading
import traceback
from collections import ChainMap

import pytest

from bot import config, terminal
from bot.__main__ import app
from bot.config import load_settings

CANARY = "canary5ecre7"


class Echo(http.server.BaseHTTPRequestHandler):
    """Refuses everything, and says back what it was sent, as some servers do with a wrong key."""

    status = 401

    def body(self):
        return {"error": {"message": f"Incorrect API key: {self.headers['Authorization']}"}}

    def refuse(self):
        body = json.dumps(self.body()).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = refuse  # noqa: N815 - named by the standard library

    def log_message(self, *_):
        pass


class Broken(Echo):
    """As the other, for a fault of its own."""

    status = 500


class StrictPostgres(socketserver.StreamRequestHandler):
    """Asks for the password, and takes none."""

    def handle(self):
        (size,) = struct.unpack("!I", self.rfile.read(4))
        (code,) = struct.unpack("!I", self.rfile.read(size - 4)[:4])
        if code in {80877103, 80877104}:  # may it be encrypted? It may not.
            self.wfile.write(b"N")
            return self.handle()
        self.wfile.write(b"R" + struct.pack("!II", 8, 3))
        self.rfile.read(1)
        (size,) = struct.unpack("!I", self.rfile.read(4))
        self.rfile.read(size - 4)
        fields = b'SFATAL\0C28P01\0Mpassword authentication failed for user "lore"\0\0'
        self.wfile.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)
        return None


@pytest.fixture
def listening():
    """Ports of servers that refuse: by name."""
    servers = {}
    for name, handler in {"401": Echo, "500": Broken, "postgres": StrictPostgres}.items():
        servers[name] = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=servers[name].serve_forever, daemon=True).start()
    yield {name: server.server_address[1] for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def threadlore(database_url, servers, tmp_path, monkeypatch, capsys):
    """Runs the command in this process, and returns all that it wrote: a traceback too, where it ends with one."""

    def run(*arguments, **settings):
        given = {"DATABASE__URL": database_url, "REDIS__URL": servers[1], "HOME": str(tmp_path), "LOG_LEVEL": "DEBUG"}
        for name, value in (given | settings).items():
            monkeypatch.setenv(f"THREADLORE_{name}", value)
        wrong = ""
        try:
            app(list(arguments))
        except SystemExit as end:
            wrong = f"exit {end.code}"
        except BaseException:  # noqa: BLE001 - whatever it is would be printed
            wrong = traceback.format_exc()
        finally:
            for name in given | settings:
                monkeypatch.delenv(f"THREADLORE_{name}")
        written = capsys.readouterr()
        # A table breaks long words, and draws its lines between their parts.
        return re.sub(r"[^\w%@:/-]", "", written.out + written.err + wrong)

    return run


def in_addresses(port):
    """Addresses of the database and of Redis that cannot be used, by what is wrong with each."""
    database = {
        "refused": f"postgresql://lore:{CANARY}@127.0.0.1:1/lore",
        "wrong password": f"postgresql://lore:{CANARY}@127.0.0.1:{port['postgres']}/lore",
        "wrong password in words": f"host=127.0.0.1 port={port['postgres']} user=lore password={CANARY}",
        "port": f"postgresql://lore:{CANARY}@127.0.0.1:many/lore",
        "slash before": f"postgresql://lore:x/{CANARY}@127.0.0.1:1/lore",
        "slash behind": f"postgresql://lore:{CANARY}/x@127.0.0.1:1/lore",
        "slash behind figures": f"postgresql://lore:1/{CANARY}@127.0.0.1:1/lore",
        "at before": f"postgresql://lore:x@{CANARY}@127.0.0.1:1/lore",
        "at behind": f"postgresql://lore:{CANARY}@x@127.0.0.1:1/lore",
        "hash before": f"postgresql://lore:x#{CANARY}@127.0.0.1:1/lore",
        "hash behind": f"postgresql://lore:{CANARY}#x@127.0.0.1:1/lore",
        "question before": f"postgresql://lore:x?{CANARY}@127.0.0.1:1/lore",
        "question behind": f"postgresql://lore:{CANARY}?x@127.0.0.1:1/lore",
        "percent": f"postgresql://lore:{CANARY}%zz@127.0.0.1:1/lore",
        "colon": f"postgresql://lore:x:{CANARY}@127.0.0.1:1/lore",
        "bracket": f"postgresql://lore:[{CANARY}@127.0.0.1:1/lore",
        "space": f"postgresql://lore:{CANARY} x@127.0.0.1:1/lore",
        "space in words": f"host=127.0.0.1 port=1 password=x {CANARY}",
        "quote in words": f"host=127.0.0.1 port=1 password='{CANARY}",
        "scheme": f"mysql://lore:{CANARY}@127.0.0.1:1/lore",
        "scheme and option": f"mysql://lore:{CANARY}@127.0.0.1:1/lore?a=b",
        "option": f"postgresql://lore@127.0.0.1:1/lore?pasword={CANARY}",
    }
    redis = {
        "refused": f"redis://:{CANARY}@127.0.0.1:1/0",
        "port": f"redis://:{CANARY}@127.0.0.1:many/0",
        "slash before": f"redis://:x/{CANARY}@127.0.0.1:1/0",
        "slash behind": f"redis://:{CANARY}/x@127.0.0.1:1/0",
        "slash behind figures": f"redis://lore:1/{CANARY}@127.0.0.1:1/0",
        "hash": f"redis://:{CANARY}#x@127.0.0.1:1/0",
        "bracket": f"redis://:[{CANARY}@127.0.0.1:1/0",
        "number": f"redis://:{CANARY}@127.0.0.1:1/zero",
        "option": f"redis://127.0.0.1:1/0?socket_timeout={CANARY}",
        "scheme": f"http://:{CANARY}@127.0.0.1:1",
        "no scheme": f":{CANARY}@127.0.0.1:1",
    }
    return [
        *((f"database, {name}", {"DATABASE__URL": url}) for name, url in database.items()),
        *((f"redis, {name}", {"REDIS__URL": url}) for name, url in redis.items()),
    ]


def in_keys(port, parts):
    """Servers of models that refuse a key or break, and keys that cannot be one."""
    wrong = {
        "401": (f"http://127.0.0.1:{port['401']}/v1", CANARY),
        "500": (f"http://127.0.0.1:{port['500']}/v1", CANARY),
        "key of two lines": (f"http://127.0.0.1:{port['401']}/v1", f"{CANARY}\nx"),
        "key with a letter of its own": (f"http://127.0.0.1:{port['401']}/v1", f"{CANARY}é"),
        "password in the address": (f"http://me:{CANARY}@127.0.0.1:{port['401']}/v1", "key"),
    }
    for name, (url, key) in wrong.items():
        settings = [{f"{part}__URL": url, f"{part}__API_KEY": key, f"{part}__NAME": "m"} for part in parts]
        yield f"{' and '.join(parts)}, {name}", dict(ChainMap(*settings))


SETTINGS = {
    "no JSON": {"SLACK__WORKSPACES": f'[{{"bot_token": "{CANARY}"'},
    "no object": {"SLACK__WORKSPACES": f'["{CANARY}"]'},
    "whole section": {"SLACK": CANARY},
    "whole database": {"DATABASE": f"postgresql://lore:{CANARY}@127.0.0.1:1/lore"},
    "whole discord": {"DISCORD": CANARY},
    "misspelt": {"SLACK__BOT_TOKEM": CANARY},
    "misspelt in JSON": {"SLACK__WORKSPACES": f'[{{"bot_token": "{CANARY}", "app_tokem": "{CANARY}"}}]'},
    "no app token": {"SLACK__BOT_TOKEN": CANARY},
    "no signing secret": {"SLACK__BOT_TOKEN": CANARY, "SLACK__MODE": "http"},
    "signing secret": {"SLACK__BOT_TOKEN": "xoxb-1", "SLACK__SIGNING_SECRET": f"{CANARY}é", "SLACK__MODE": "http"},
    "discord token": {"DISCORD__TOKEN": f"{CANARY}\u2028"},
}


def faults(port, whole):
    """What can be wrong with a setting that holds a secret, by name: each with a command and the settings."""
    commands = [("doctor", "--no-models"), ("migrate",), ("status", "--json"), ("backup", "b.dump"), ("ask", "why?")]
    for name, settings in in_addresses(port):
        for command in commands if whole else commands[:1]:
            yield f"{name}: {command[0]}", command, settings
    for name, settings in in_keys(port, ["MODEL", "EMBEDDING"]):
        yield f"{name}: doctor", ("doctor",), settings
    for part in ["MODEL", "EMBEDDING"] if whole else []:
        for name, settings in in_keys(port, [part]):
            yield f"{name}: ask", ("ask", "why?"), settings
    for name, settings in SETTINGS.items():
        yield name, ("status",), settings
    yield "refused: run", ("run",), {"DATABASE__URL": f"postgresql://lore:{CANARY}@127.0.0.1:1/lore"}
    yield "help", ("--help",), {"SLACK__BOT_TOKEN": CANARY, "SLACK__SIGNING_SECRET": CANARY, "DISCORD__TOKEN": CANARY}


def leaks(threadlore, listed):
    """Which of the faults showed the secret, and how many there were."""
    written = {name: threadlore(*command, **settings) for name, command, settings in listed}
    assert all(written.values())
    return sorted(name for name, text in written.items() if CANARY in text.lower()), len(written)


@pytest.mark.timeout(1200)
def test_no_secret_in_a_setting_is_written_whatever_is_wrong_with_it(threadlore, listening, size, report):
    leaked, tried = leaks(threadlore, faults(listening, size(small=False, whole=True)))
    report("secrets in settings", faults=tried, leaked=len(leaked))
    assert leaked == []


def test_addresses_that_are_not_looked_at_are_quoted_by_libraries(threadlore, listening, monkeypatch):
    """The mutant: settings as they were."""
    for check in ("fault_in_postgresql", "fault_in_redis"):
        monkeypatch.setattr(config, check, lambda _: "")
    told = ("percent", "space", "at before", "slash behind", "hash")
    listed = [one for one in faults(listening, whole=False) if one[0].partition(", ")[2].partition(":")[0] in told]
    leaked, _ = leaks(threadlore, listed)
    assert {"database, percent: doctor", "database, at before: doctor", "redis, hash: doctor"} <= set(leaked)


def test_an_error_that_is_printed_whole_is_noticed(threadlore, listening, monkeypatch):
    """The mutant: what a server said is shown."""
    monkeypatch.setattr(terminal, "exit_code", lambda error: print(error.__cause__.__cause__) or 1)
    listed = [one for one in faults(listening, whole=True) if one[0] == "EMBEDDING, 401: ask"]
    assert leaks(threadlore, listed) == (["EMBEDDING, 401: ask"], 1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DATABASE__URL", "postgresql://lore:p%40ss%2Fword@db.example:5432/lore?sslmode=require"),
        ("DATABASE__URL", "postgres://lore@/lore?host=/run/postgresql"),
        ("DATABASE__URL", "postgresql://a:1,b:2/lore"),
        ("DATABASE__URL", "host=db.example port=5432 user=lore password='p@ss / word' dbname=lore"),
        ("REDIS__URL", "redis://:p%40ss@redis.example:6379/0"),
        ("REDIS__URL", "rediss://lore:secret@redis.example/0?socket_timeout=1"),
        ("REDIS__URL", "unix:///run/redis.sock?db=1"),
        ("MODEL__URL", "http://[::1]:8080/v1"),
    ],
)
def test_what_is_written_as_it_should_be_is_taken(monkeypatch, setting, value):
    monkeypatch.setenv(f"THREADLORE_{setting}", value)
    section, _, name = setting.lower().partition("__")
    given = getattr(getattr(load_settings(), section), name)
    assert (given if isinstance(given, str) else given.get_secret_value()) == value
