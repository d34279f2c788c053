"""Masks what looks like a password or a key, wherever somebody pasted one. No I/O.

Each form is the one that its issuer documents, so that ordinary words are left alone: Slack "Token types", GitHub
"About authentication", GitLab "Token overview", AWS "IAM identifiers", Google Cloud "API keys", Stripe "API keys",
OpenAI, Anthropic and Hugging Face by their prefixes, Discord "Authentication", RFC 7519 for JSON Web Tokens, RFC 7468
for private keys, RFC 3986 for passwords in addresses. Every repetition is bounded: the time grows with the length only.
"""

import re
from typing import NamedTuple

MASK = "(secret removed)"

_FORMS = (
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,400}+",
    r"xapp-\d-[\w-]{10,400}+",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{20,200}+",
    r"discord(?:app)?\.com/api/webhooks/\d{5,25}/[\w-]{20,200}+",
    r"gh[opusr]_\w{36,255}+",
    r"github_pat_\w{22,255}+",
    r"glpat-[\w-]{20,255}+",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)",
    r"AIza[\w-]{35}(?![\w-])",
    r"[rs]k_(?:live|test)_\w{16,255}+",
    r"sk-[\w-]{20,255}+",
    r"hf_[A-Za-z0-9]{30,255}+",
    r"eyJ[\w-]{8,4000}+\.eyJ[\w-]{8,8000}+\.[\w-]{8,2000}+",
    r"[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,80}+",
)
_TOKEN = re.compile(rf"(?<![\w-])(?:{'|'.join(_FORMS)})", re.ASCII)
_PASSWORD = re.compile(r"(?<=://)([^\s/:@]{1,64}):[^\s/@]{1,256}+@")
_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


class Masked(NamedTuple):
    """A text without secrets, and how many were masked."""

    text: str
    masked: int


def masked(text: str) -> Masked:
    """The text with `MASK` in place of each secret. A private key without its end goes to the end of the text."""
    without_keys, keys = _without_keys(text)
    without_tokens, tokens = _TOKEN.subn(MASK, without_keys)
    shown, passwords = _PASSWORD.subn(rf"\1:{MASK}@", without_tokens)
    return Masked(shown, keys + tokens + passwords)


def _without_keys(text: str) -> tuple[str, int]:
    kept, at, found = [], 0, 0
    while begin := _KEY.search(text, at):
        kept += [text[at : begin.start()], MASK]
        found += 1
        end = _KEY_END.search(text, begin.end())
        at = end.end() if end else len(text)
    return "".join([*kept, text[at:]]), found
