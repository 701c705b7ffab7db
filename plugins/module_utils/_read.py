# Copyright: (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that people wrote, as text. Knows nothing of Ansible. Private to this collection.

What can't be read raises `Refusal` with a sentence that names option and file.
"""

from __future__ import annotations

import codecs
import os
import stat

from ._access import Refusal

# Characters of one file. A hundred thousand people fit.
LARGEST = 20_000_000
# How the files of spreadsheet programs begin, which hold no text that could be read here.
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def text_of(path: str, option: str) -> str:
    """The text of a file, in UTF-8, or in UTF-16 with its mark, as exports have it."""
    file = f"{option}: '{path}'"
    try:
        # A pipe would keep us waiting for whoever writes to it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Refusal(f"{file} is not a file")
            if found.st_size > LARGEST:
                raise Refusal(f"{file} is larger than {LARGEST:,} bytes, so it can't be what is meant")
            data = opened.read()
    except OSError as error:
        raise Refusal(f"{file} can't be read: {error.strerror or error}") from None
    if data.startswith(_SPREADSHEETS):
        raise Refusal(f"{file} is not text but a spreadsheet or an archive; save what is in it as CSV")
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{file}, line {line}: is not text in UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        raise Refusal(f"{file} is not a text file")
    return text
