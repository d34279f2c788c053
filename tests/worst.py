"""The worst that people and models were made to write, as pieces to repeat."""

# fmt: off
PIECES = (
    "[", "*_~", "*", "_", "~", "`", "```\n", "```\n> ", "> ```\n", ">", "> ", "- > ", "- ", "1. ", "|a",
    "\\", "\\[", "#",
    "<@", "<!", "<", "<!--", "<@1>", "<|", "<｜", "<s>", "[INST]", "&lt;", "&", "@", "@here", "@her", "@everyon", "＠",
    "](", "![", "[a](", "[1]", "[1", "(1", "【", ":", "://", "//", "www.", "a.", "xn--", "．", "data:", "mailto:",
    "\u200b", "👩\u200d", "❤\ufe0f", "\u00ad", "\x1b[", "\x1b]", "\x9b", "\n", "\r", " ", "\t", "a", "ab ", "窑",
    "。", ". ",
    "eyJaaaaaaaa.", "xoxb-", "-----BEGIN PRIVATE KEY-----", "://a:", "M", "sk-", "{", "^", "a_", "1", "-", "=", "---\n",
)
NESTED = (
    ("<!", ">"), ("[", "]"), ("(", ")"), ("<@", ">"), ("**", "**"), ("[[", "](x)"), ("<!--", "-->"),
    ("@her", "@everyone"),
)
# fmt: on


def texts(size: int) -> dict[str, str]:
    """A text of about that many characters for each of them."""
    repeated = {piece: piece * (size // len(piece)) for piece in PIECES}
    nested = {
        opening + closing: opening * (size // len(opening + closing)) + closing * (size // len(opening + closing))
        for opening, closing in NESTED
    }
    chained = {"@everyon@everyone": "@her" + "@everyon" * (size // 8) + "@everyone"}
    return repeated | nested | chained
