"""Dates of messages: read from any spelling an export uses, and refused when they cannot be true."""

import re
from datetime import UTC, datetime, timedelta

from adapters.safety import Unusable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?", re.ASCII)
_SHOWN = 40


class Dates:
    """Dates from 1970 to one day from now; everything else is `Unusable`."""

    def __init__(self, now: datetime | None = None) -> None:
        self._latest = (now or datetime.now(UTC)) + timedelta(days=1)

    def from_epoch(self, value: object) -> datetime:
        """Seconds since 1970, as a number or as text with up to nine decimals; kept to the microsecond."""
        spelled = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
        match = _SECONDS.fullmatch(spelled)
        if match is None:
            raise _no_date(value)
        try:
            moment = EPOCH + timedelta(seconds=int(match[1]), microseconds=int((match[2] or "").ljust(6, "0")[:6]))
        except OverflowError:
            raise _no_date(value) from None
        return self._in_range(moment, value)

    def from_iso(self, value: str) -> datetime:
        """ISO 8601, with or without seconds and zone; without a zone it is UTC."""
        try:
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise _no_date(value) from None
        return self._in_range(moment, value)

    def from_either(self, value: object) -> datetime:
        """ISO 8601 text, or seconds since 1970 as a number or as text."""
        if isinstance(value, str) and not _SECONDS.fullmatch(value):
            return self.from_iso(value)
        return self.from_epoch(value)

    def _in_range(self, moment: datetime, value: object) -> datetime:
        if not EPOCH <= moment <= self._latest:
            raise _no_date(value)
        return moment


def _no_date(value: object) -> Unusable:
    return Unusable(f"The time {str(value)[:_SHOWN]!r} is no date between 1970 and tomorrow; the message was left out.")
