"""What the Web API answers instead of a result."""


class SlackError(Exception):
    """`{"ok": false, "error": code}`, with the keys that belong to this error."""

    def __init__(self, code: str, **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra
