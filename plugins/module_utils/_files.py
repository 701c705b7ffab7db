# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that name people: made, never opened again for writing, readable by their owner alone.

What is read back is believed only if nobody else may have written it. Knows nothing of Ansible or HTTP. Private to this
collection.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import secrets
import stat
from contextlib import contextmanager
from errno import EEXIST
from itertools import count
from typing import IO, Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from ._access import Refusal
from ._journal import check_ours
from ._steps import Row

# --- making ----------------------------------------------------------------------------------------------------------


@contextmanager
def refusing(option: str, path: str) -> Iterator[None]:
    """A directory that can't be written to, as one sentence."""
    try:
        yield
    except OSError as error:
        raise Refusal(f"{option}: '{path}' can't be written to: {error.strerror or error}") from None


def first_free(stem: str, suffix: str, make: Callable[[str], str]) -> str:
    """What ``make`` makes of the first name that is free."""
    for number in count(1):
        try:
            return make(f"{stem}{f'-{number}' if number > 1 else ''}{suffix}")
        except FileExistsError:
            continue
    raise AssertionError


@contextmanager
def created(path: str, newline: Optional[str] = None) -> Iterator[IO[str]]:
    """A new file, and nothing else of that name; whole from the moment that it has it, whoever is killed meanwhile."""
    if os.path.lexists(path):
        raise FileExistsError(EEXIST, os.strerror(EEXIST), path)
    fresh = _aside(path)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        # Surrogates, which JSON may carry, have no place in UTF-8.
        with open(descriptor, "w", encoding="utf-8", errors="replace", newline=newline) as file:
            yield file
        renamed(fresh, path)
    except BaseException:
        forget(fresh)
        raise


def _aside(path: str) -> str:
    """A name beside this one that nobody else uses."""
    return f"{path}.{secrets.token_hex(4)}"


def renamed(path: str, name: str) -> str:
    """Give a file another name, which must be free; returns it. Raises `FileExistsError`."""
    try:
        os.link(path, name, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        if os.path.lexists(name):
            raise FileExistsError(EEXIST, os.strerror(EEXIST), name) from None
        os.rename(path, name)
    else:
        os.unlink(path)
    return name


def set_aside(path: str, word: str) -> Optional[str]:
    """Give what a run left under this name another one, so that nothing of it is lost; returns that, if there was any.

    Raises `FileExistsError` for what is no file of ours.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise FileExistsError(EEXIST, os.strerror(EEXIST), path)
    stem, suffix = os.path.splitext(path)
    return first_free(f"{stem}-{word}", suffix, lambda name: renamed(path, name))


def write_table(path: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a CSV file of harmless cells; returns its path."""
    with created(path, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def write_lines(path: str, lines: Iterable[str]) -> str:
    """Write a file of lines that end as they are to end; returns its path."""
    with created(path, newline="") as file:
        file.writelines(lines)
    return path


def write_document(path: str, document: Mapping[str, Any]) -> str:
    """Write a JSON file, with a line for each row of its lists; returns its path."""
    with created(path) as file:
        file.write("{\n")
        for number, (key, value) in enumerate(document.items()):
            file.write(f"{',' if number else ''}{json.dumps(key)}: ")
            if isinstance(value, list):
                file.write("[")
                file.writelines(_joined(map(_encoded, value)))
                file.write("]\n")
            else:
                file.write(json.dumps(value, ensure_ascii=False) + "\n")
        file.write("}\n")
    return path


_encoded = json.JSONEncoder(ensure_ascii=False).encode


def write_rows(path: str, rows: Iterable[Row]) -> None:
    """Write a JSON list with a line for each row, in one move: a file of that name is whole before and after."""
    fresh = _aside(path)
    with created(fresh) as file:
        file.write("[")
        file.writelines(_joined(map(_encoded, rows)))
        file.write("\n]\n")
    os.replace(fresh, path)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{',' if number else ''}\n{line}"


def forget(path: str) -> None:
    """Take away what this process made and nobody is to find."""
    try:
        os.unlink(path)
    except OSError:
        pass


def replaced(path: str, document: Mapping[str, Any]) -> str:
    """Put a JSON file in place of the one of that name, in one move; a link there is not followed."""
    os.replace(write_document(_aside(path), document), path)
    return path


def linked(link: str, target: str) -> None:
    """Make a link, or lead it elsewhere, in one move, where links can be made; never in place of what is no link."""
    if os.path.lexists(link) and not os.path.islink(link):
        return
    fresh = _aside(link)
    try:
        os.symlink(target, fresh)
        os.replace(fresh, link)
    except OSError:
        forget(fresh)


def put(path: str, old: Optional[str], text: str, option: str) -> None:
    """Write a file for people to edit, which their group may read, in one move; ``old`` is what it was called."""
    with refusing(option, path):
        os.makedirs(os.path.dirname(path) or ".", mode=0o750, exist_ok=True)
        if old is not None and old != path:
            os.rename(old, path)
        mode = stat.S_IMODE(os.stat(path).st_mode) if old is not None else 0o640
        fresh = f"{path}.{secrets.token_hex(4)}"
        with created(fresh, newline="") as file:
            file.write(text)
        os.chmod(fresh, mode)
        os.replace(fresh, path)


# --- reading ---------------------------------------------------------------------------------------------------------


def is_ours(found: os.stat_result) -> bool:
    """Whether this is a directory that nobody else may change."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def read_text(path: str) -> Optional[str]:
    """A file that is ours alone, None if there is none. Raises `Refusal` for one that is not to be believed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refusal(f"evidence_dir: '{path}' can't be read: {error.strerror}") from None
    try:
        check_ours(descriptor, path, "evidence_dir")
        with open(descriptor, encoding="utf-8", newline="", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def sum_of(path: str) -> str:
    """The SHA-256 checksum of a file, links not followed."""
    total = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def sum_line(total: str, name: str) -> str:
    """A line as sha256sum writes it."""
    odd = name.replace("\\", "\\\\").replace("\n", "\\n")
    return f"{'' if odd == name else chr(92)}{total}  {odd}\n"
