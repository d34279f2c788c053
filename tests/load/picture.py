"""Draws messages and their blocks as Slack lays them out, by hand: an SVG, without a browser."""

import re
import unicodedata
from html import escape

WIDTH, LEFT, LINE = 760, 64, 20
FONT = "font-family='-apple-system,Segoe UI,Helvetica,Arial,sans-serif'"
EMOJI = {":thumbsup:": "👍", ":thumbsdown:": "👎", ":mag:": "🔍", ":warning:": "⚠️", ":x:": "❌"}
TOKEN = re.compile(
    r"<(?P<url>[^<>|]*)\|(?P<label>[^<>]*)>|\*(?P<bold>[^*\n]+)\*|`(?P<code>[^`\n]+)`|_(?P<italic>[^_\n]+)_"
)


def picture(slack, exchanges) -> str:
    """Questions and the answers under them, top to bottom."""
    y, parts = 24, []
    for (_, question), answers in exchanges:
        drawn, y = message("Quince", "#8d5a2b", [("text", question)], y)
        parts += drawn
        for answer in answers:
            rows = [row for block in answer.blocks for row in rows_of(block)]
            drawn, y = message("lore  APP", "#1f3a2e", rows, y, indent=28)
            parts += drawn
        y += 16
    del slack
    body = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{y}' viewBox='0 0 {WIDTH} {y}' {FONT}>\n"
        f"<rect width='{WIDTH}' height='{y}' fill='#fff' stroke='#ddd'/>\n{body}\n</svg>\n"
    )


def rows_of(block):
    """A block's rows: kind and mrkdwn, or the labels of its buttons."""
    match block["type"]:
        case "section":
            return [("text", block["text"]["text"])]
        case "context":
            return [("small", element["text"]) for element in block["elements"]]
        case "actions":
            return [("buttons", [element["text"]["text"] for element in block["elements"]])]
    return []


def message(author, colour, rows, y, indent=0):
    """One message: a square for the picture of its author, a name, and the rows."""
    left = LEFT + indent
    letter = f"fill='#fff' font-size='17' text-anchor='middle'>{author[0].upper()}</text>"
    parts = [
        f"<rect x='{16 + indent}' y='{y}' width='36' height='36' rx='6' fill='{colour}'/>",
        f"<text x='{34 + indent}' y='{y + 24}' {letter}",
        f"<text x='{left}' y='{y + 12}' font-size='14' font-weight='700'>{escape(author)}</text>",
    ]
    y += 32
    for kind, content in rows:
        if kind == "buttons":
            drawn, y = buttons(content, left, y)
            parts += drawn
            continue
        size, fill = (14, "#1d1c1d") if kind == "text" else (12, "#616061")
        for line in content.split("\n"):
            for wrapped in wrap(line, (WIDTH - left - 20) / (size * 0.53)):
                parts.append(f"<text x='{left}' y='{y}' font-size='{size}' fill='{fill}'>{styled(wrapped)}</text>")
                y += LINE if kind == "text" else LINE - 3
        y += 4
    return parts, y + 10


def buttons(labels, left, y):
    """The row of buttons under an answer."""
    parts = []
    for label in labels:
        text = emoji(label)
        width = 22 + 8 * columns(text)
        parts.append(f"<rect x='{left}' y='{y - 12}' width='{width}' height='28' rx='4' fill='#fff' stroke='#bbb'/>")
        parts.append(
            f"<text x='{left + width / 2}' y='{y + 7}' font-size='13' font-weight='600' text-anchor='middle'>"
            f"{escape(text)}</text>"
        )
        left += width + 8
    return parts, y + 30


def wrap(line, most):
    """The line in pieces of at most so many columns; a link, a bold or a code word stays whole."""
    pieces, current, used = [], "", 0.0
    for word in re.findall(r"<[^<>]*>\S*|\S+|[\u4e00-\u9fff，。]", line):
        for part in [word] if columns(shown(word)) < most else list(word):
            width = columns(shown(part)) + 1
            if current and used + width > most:
                pieces.append(current)
                current, used = "", 0.0
            current = f"{current} {part}" if current and part == word else current + part
            used += width
    return [*pieces, current] if current else pieces or [""]


def styled(text):
    """mrkdwn as SVG spans."""
    out, at = [], 0
    for match in TOKEN.finditer(text):
        out.append(escape(unescaped(text[at : match.start()])))
        at = match.end()
        if match["label"] is not None:
            out.append(f"<tspan fill='#1264a3'>{escape(unescaped(match['label']))}</tspan>")
        elif match["bold"] is not None:
            out.append(f"<tspan font-weight='700'>{escape(unescaped(match['bold']))}</tspan>")
        elif match["code"] is not None:
            out.append(f"<tspan font-family='monospace' fill='#c01343'>{escape(unescaped(match['code']))}</tspan>")
        else:
            out.append(f"<tspan font-style='italic'>{escape(unescaped(match['italic']))}</tspan>")
    out.append(escape(unescaped(text[at:])))
    return emoji("".join(out))


def shown(text):
    return TOKEN.sub(
        lambda match: next(
            one for one in (match["label"], match["bold"], match["code"], match["italic"]) if one is not None
        ),
        text,
    )


def columns(text):
    """Columns that a text takes: a Chinese character is as wide as two letters."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def emoji(text):
    for name, sign in EMOJI.items():
        text = text.replace(name, sign)
    return text


def unescaped(text):
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
