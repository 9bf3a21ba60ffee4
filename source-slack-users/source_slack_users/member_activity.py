"""Reads each person's activity by day: the stream `member_activity`."""

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any, ClassVar

import orjson
from airbyte_cdk.models import FailureType

from source_slack_users.coercion import record_builder
from source_slack_users.error_handler import logger
from source_slack_users.errors import RequestRejected, failure, transient_error
from source_slack_users.streams import Record, SlackStream, State

METHOD = "admin.analytics.getFile"
NOT_YET = "file_not_yet_available"
NO_FILE = (NOT_YET, "file_not_found", "data_not_available", "metadata_not_available")
ONE_DAY = timedelta(1)
FIRST_READ = 30 * ONE_DAY
LONGEST_LINE = 1 << 20
LARGEST_FILE = 2 << 30
"""Bytes of an unpacked file. The largest organizations have about 0.5 GB a day."""

_to_record = record_builder(
    "member_activity",
    {"billable_seat": "is_billable_seat", "active": "is_active", "messages_posted": "messages_posted_count"},
)


class MemberActivity(SlackStream):
    """Reads one record per person and day (Slack: admin.analytics.getFile)."""

    primary_key: ClassVar[list[str]] = ["user_id", "date"]
    cursor_field = "date"

    def records(self, state: State) -> Iterator[Record]:
        """Read the files of the days since the state, newest first.

        Without a state, reads the last 30 days. Slack publishes the file of a day after about two days, so the first
        file found is the newest.
        """
        self.identify()
        since = self.since(state)
        self._reached: date | None = None
        day = _day(self.started) - ONE_DAY
        oldest = _day(since) + ONE_DAY if since else day - FIRST_READ
        while day >= oldest:
            file = self._file_of(day)
            if file is not None:
                if self._reached is None:
                    self._reached = day
                    oldest = oldest if since else day - FIRST_READ + ONE_DAY
                yield from _records_of(day, file)
            day -= ONE_DAY

    def next_state(self, state: State) -> State:
        """Return the newest day read, or the day before a gap that is yet to be filled."""
        since = self.since(state)
        reached = max(filter(None, [self._reached, _day(since) if since else None]), default=None)
        return {} if reached is None else {"date": reached.isoformat()}

    def _file_of(self, day: date) -> bytes | None:
        """Return the file of a day; None if Slack has none."""
        try:
            return self._api.download(METHOD, type="member", date=day.isoformat())
        except RequestRejected as rejection:
            if rejection.code not in NO_FILE:
                raise
            if rejection.code == NOT_YET and self._reached is not None:
                self._reached = day - ONE_DAY  # a gap, which the next read fills
            return None


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, timezone.utc).date()


def _records_of(day: date, file: bytes) -> Iterator[Record]:
    nameless = 0
    for line in _lines(day, file):
        record = _to_record(line)
        record["date"] = day.isoformat()
        if record["user_id"] is None:
            nameless += 1
        else:
            yield record
    if nameless:
        logger.warning(f"Slack's file of {day} has {nameless} lines without a user ID: skipped.")


def _lines(day: date, file: bytes) -> Iterator[Any]:
    """Yield the JSON of each line of a file, within the limits of size."""
    unpacked: Any = gzip.GzipFile(fileobj=io.BytesIO(file)) if file.startswith(b"\x1f\x8b") else io.BytesIO(file)
    size = 0
    try:
        while line := unpacked.readline(LONGEST_LINE):
            size += len(line)
            if size > LARGEST_FILE or len(line) == LONGEST_LINE:
                raise failure(
                    f"Slack's {METHOD} sent a file for {day} that is larger than any organization's. Report it to Slack's "
                    "support.",
                    FailureType.system_error,
                )
            if line.strip():
                yield orjson.loads(line)
    except (EOFError, zlib.error, gzip.BadGzipFile, orjson.JSONDecodeError) as error:
        raise transient_error(
            f"Slack's {METHOD} sent a file for {day} that is damaged ({type(error).__name__}). The next attempt reads it again."
        ) from None
