# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a run: the start of every write before it is sent, its end after. It only grows.

A file of JSON lines. Knows nothing of Ansible or HTTP. Private to this collection.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone
from errno import ENOSPC
from typing import Any, Dict, List, NamedTuple, Optional

from ._access import Refusal
from ._errors import Interrupted
from ._steps import DONE, RESTORED, UNKNOWN, Row, step_hash

# Seconds between two writes to the disk; what the kernel holds survives the end of the process.
SYNC = 1.0
# What seals a directory: the checksums of its files.
SEAL = "SHA256SUMS"
_BEGINS = b'{"event": "'


class Record(NamedTuple):
    """How a step went: ``status`` as modules tell it, unknown for a start without an end. Times are ISO 8601, UTC."""

    row: Row
    status: str
    started: Optional[str]
    at: Optional[str]
    error: Optional[Row]
    why: Optional[str]


class Journaled(NamedTuple):
    """What a journal tells: the last record of each step by its hash; what was given back is in ``extra``."""

    records: Dict[str, Record]
    extra: List[Record]
    interrupted: Optional[str]
    running: bool


class Journal:
    """A journal that is written to, by threads too; without a path it takes everything and keeps nothing.

    ``past`` is what it told when it was opened, which nobody else adds to from then on. Raises `Refusal` when it can't
    be opened, or is no journal. When a line can't be written later, ``broken`` says why, and no step starts any more.
    """

    def __init__(self, path: Optional[str]) -> None:
        self.broken: Optional[str] = None
        self._lock = threading.Lock()
        self._synced = 0.0
        self._file: Optional[int] = None
        self.past = Journaled({}, [], None, False)
        if path:
            self._file = self._opened(path)

    def _opened(self, path: str) -> int:
        if os.path.lexists(os.path.join(os.path.dirname(path), SEAL)):
            raise Refusal(f"journal: '{path}' is in a directory that {SEAL} has sealed; name a file in another one")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            opened = os.open(path, flags, 0o600)
        except OSError as error:
            raise Refusal(f"journal: '{path}' can't be written: {error.strerror}") from None
        try:
            check_ours(opened, path, "journal")
            _lock(opened, path)
            self.past = read(path)
            # A line that a crash cut stays one of its own.
            if os.fstat(opened).st_size:
                os.write(opened, b"\n")
        except OSError as error:
            os.close(opened)
            raise Refusal(f"journal: '{path}' can't be written: {error.strerror}") from None
        except Refusal:
            os.close(opened)
            raise
        return opened

    def start(self, row: Row, why: Optional[str] = None) -> None:
        """Before a write is sent. Raises `Interrupted` when that can't be written down: then nothing is to be sent."""
        self._write("start", row, why=why)
        if self.broken:
            raise Interrupted()

    def end(self, row: Row, status: str, error: Optional[Row] = None, why: Optional[str] = None) -> None:
        """After a write, or where none is to be: planned, failed, skipped."""
        self._write("end", row, status=status, error=error, why=why)

    def interrupted(self, by: str) -> None:
        """The run was told to stop."""
        self._write("interrupted", by=by)

    def close(self) -> None:
        """Everything on the disk; the lock ends."""
        if self._file is not None:
            with suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)

    def _write(self, event: str, row: Optional[Row] = None, **more: Any) -> None:
        if self._file is None or self.broken:
            return
        line = {"event": event, "at": now(), **more}
        if row:
            line.update(step=step_hash(row), row=row)
        data = (json.dumps(line) + "\n").encode()
        with self._lock:
            try:
                # One call, so that a line is whole or cut at its end.
                if os.write(self._file, data) != len(data):
                    raise OSError(ENOSPC, os.strerror(ENOSPC))
                if time.monotonic() - self._synced > SYNC:
                    os.fsync(self._file)
                    self._synced = time.monotonic()
            except OSError as error:
                self.broken = f"a journal that can't be written ({error.strerror})"


def _lock(descriptor: int, path: str) -> None:
    # Whoever reads holds it for a moment.
    for _try in range(20):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:
            # A file system without locks.
            return None
    raise Refusal(f"journal: '{path}' belongs to a run under way; name another file")


def check_ours(descriptor: int, path: str, option: str) -> None:
    """Refuse a file that others may have written. Raises `Refusal`."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Refusal(f"{option}: '{path}' is not a file of ours that nobody else may write; name another one")


def read(path: str) -> Journaled:
    """What a journal tells so far; one that is not there tells nothing. Raises `Refusal` for one not to be believed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return Journaled({}, [], None, False)
    except OSError as error:
        raise Refusal(f"journal: '{path}' can't be read: {error.strerror}") from None
    try:
        check_ours(descriptor, path, "journal")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # Held until the end: a run that ends meanwhile would be told by what it had not written yet.
            running = _is_locked(descriptor)
            # What a crash of the machine left unwritten may be zeros.
            lines = [line.strip(b"\0") for line in file.read().splitlines()]
        if all(map(_is_of_a_journal, lines)):
            return _told(lines, running)
    except (KeyError, TypeError, AttributeError, RecursionError):
        pass
    finally:
        os.close(descriptor)
    raise Refusal(f"journal: '{path}' holds something else; name a file that is not there yet")


def _is_of_a_journal(line: bytes) -> bool:
    """Whether a line is one that was written here, or the beginning of one that a crash cut."""
    return line.startswith(_BEGINS) or _BEGINS.startswith(line)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _told(lines: List[bytes], running: bool) -> Journaled:
    records: Dict[str, Record] = {}
    restored: Dict[str, Record] = {}
    told = Journaled(records, [], None, running)
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            # Blank, or cut by a full disk or a crash in the middle; the start before it stays without an end.
            continue
        if event["event"] == "interrupted":
            told = told._replace(interrupted=event["by"])
        elif event["why"] == RESTORED:
            _take(restored, event)
        else:
            _take(records, event)
    return told._replace(extra=list(restored.values()))


def _take(records: Dict[str, Record], event: Row) -> None:
    before = records.get(event["step"])
    if event["event"] not in ("start", "end"):
        raise KeyError(event["event"])
    if event["event"] == "start":
        records[event["step"]] = Record(event["row"], UNKNOWN, event["at"], None, None, event["why"])
    elif before is None or before.status != DONE:
        # What is done stays done, whatever a later call says of it.
        records[event["step"]] = _ended(event, before)


def _ended(event: Row, before: Optional[Record]) -> Record:
    started = before.started if before else None
    return Record(event["row"], event["status"], started, event["at"], event["error"], event["why"])


def now() -> str:
    """The time as the journal tells it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
