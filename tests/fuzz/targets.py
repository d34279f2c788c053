"""All that is fuzzed, by name, with what each begins from. A target takes bytes; an error of any kind is a finding."""

import json
from functools import partial
from pathlib import Path

from bot.conversation import Request
from bot.requests import request_json
from knowledge.messages import ChannelRef, PersonRef
from tests.fuzz import records, texts
from tests.properties.test_discord_records import WHOLE
from tests.worst import texts as worst

PAYLOADS = Path(__file__).parents[1] / "payloads"
SAID = """*bold* _it_ ~no~ `code` <@U1> <https://a.example|x> &lt;b&gt; [1] **b** ||s|| <t:1:R> @here
> quoted
- item
```py
print()
```
| a | b |
|---|---|
| 1 | 2 |
https://a.example/x?y=1 xoxb-1234 sk-abcdef <|im_end|> [INST] \u200b重点，👩\u200d👩
"""
CITED = "Kafka went because of three outages [1]. The press is booked [2].\fKafka: three outages\fpress is booked"
REQUEST = Request("a", ChannelRef("slack", "T1", "C1"), "why?", PersonRef("slack", "T1", "U1"), reply_to={"ts": "1.0"})


def of_text(check, data):
    """Bytes that are no UTF-8 become half surrogate pairs, as they come out of JSON."""
    check(data.decode("utf-8", "surrogateescape"))


TEXTS = {
    "keeping": texts.keeping,
    "cleaning": texts.cleaning,
    "asking": texts.asking,
    "prompting": texts.prompting,
    "answering": texts.answering,
    "linking": texts.linking,
    "citing": texts.citing,
    "splitting": texts.splitting,
    "shown_on_slack": texts.shown_on_slack,
    "shown_on_discord": texts.shown_on_discord,
    "read_on_slack": texts.read_on_slack,
    "read_on_discord": texts.read_on_discord,
}
RECORDS = {
    "request": records.request,
    "slack": records.slack,
    "discord": records.discord,
    "scanner": records.scanner,
}
TARGETS = {name: partial(of_text, check) for name, check in (TEXTS | RECORDS).items()} | {"export": records.export}


def seeds(name):
    """A small corpus of our own."""
    match name:
        case "request":
            said = [request_json(REQUEST)]
        case "discord":
            said = [json.dumps(WHOLE)]
        case "slack":
            said = [file.read_text() for file in sorted(PAYLOADS.glob("slack/**/*.json"))]
        case "export":
            said = [file.read_text() for file in sorted(PAYLOADS.glob("exports/**/*.json*"))]
        case "scanner":
            said = ['[{"a": [1, -2.5e3, true, null, "\\u00e4\\ud83d"]}, [], {}]']
        case _:
            said = [SAID, CITED, *worst(60).values()]
    return [one.encode("utf-8", "surrogatepass") for one in said]
