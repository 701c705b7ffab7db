# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python for what Ansible sends, and for the report, a fifth of the time: each runs as it is, in a process of its
own, which is forked from one that has loaded `requests` and remembers what files in archives compile to.

`interpreter` is what ANSIBLE_PYTHON_INTERPRETER is set to. All else, and what has a PYTHONPATH, is left to Python.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib
import json
import marshal
import os
import runpy
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import zipimport
from pathlib import Path
from types import CodeType
from typing import Callable

# What a module loads and does not bring along.
LOADED = (
    "requests yaml jinja2 _strptime argparse concurrent.futures.thread csv ctypes dataclasses decimal difflib "
    "distro encodings.cp437 getpass glob grp gzip http.cookiejar locale numbers platform pwd secrets shutil syslog "
    "traceback uuid xml.sax.saxutils"
).split()
CODE: dict[str, CodeType] = {}

# Forwards a command: its arguments, directory and environment; its standard streams; and its exit code, back.
CLIENT = """#!/bin/sh
case $1$PYTHONPATH in /*/AnsiballZ_*.py | /*/render.py) ;; *) exec {python} "$@" ;; esac
exec {python} -I -S -c '
import json, os, socket, sys
path = sys.argv.pop(1)
umask = os.umask(0); os.umask(umask)
asked = json.dumps([sys.argv[1:], os.getcwd(), umask, dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect(path)
    socket.send_fds(server, [b"%08d" % len(asked)], [0, 1, 2])
    server.sendall(asked)
    ended = server.recv(4)
sys.exit(int(ended or 137))' {server} "$@"
"""


@functools.cache
def interpreter() -> str:
    """The path of this Python, for modules; started once for each process of the tests."""
    place = Path(tempfile.mkdtemp(prefix="warm-python."))
    client = place / "python"
    client.write_text(CLIENT.format(python=shlex.quote(sys.executable), server=shlex.quote(str(place / "server"))))
    client.chmod(0o700)
    # It ends with its standard input, and takes the directory with it.
    started = subprocess.Popen([sys.executable, __file__, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout and started.stdout.read(1), "the warm Python did not start"
    atexit.register(started.communicate)
    return str(client)


def main(place: Path) -> None:
    for name in LOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    kept = place / "compiled"
    kept.mkdir()
    zipimport._compile_source = functools.partial(compiled, kept, zipimport._compile_source)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "server"))
        server.listen(64)
        os.write(1, b".")
        os.close(1)
        while 0 not in select.select([0, server], [], [])[0]:
            asked, _address = server.accept()
            reap()
            remember(kept)
            if os.fork() == 0:
                server.close()
                serve(asked)
                return
            asked.close()
    shutil.rmtree(place)


def reap() -> None:
    """Those that ended: their time counts as this one's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def serve(asked: socket.socket) -> None:
    length, streams, _flags, _address = socket.recv_fds(asked, 8, 3)
    with asked.makefile("rb") as file:
        line, place, umask, environment = json.loads(file.read(int(length)))
    child = os.fork()
    if child:
        asked.sendall(b"%d" % (os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256))
        os._exit(0)
    asked.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(place)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = line
    sys.path[0] = os.path.dirname(line[0])
    runpy.run_path(line[0], run_name="__main__")


def remember(kept: Path) -> None:
    """What those before compiled, so that nobody does it again."""
    for path in kept.iterdir():
        if path.name not in CODE:
            CODE[path.name] = marshal.loads(path.read_bytes())


def compiled(kept: Path, compile_source: Callable[[str, bytes], CodeType], path: str, source: bytes) -> CodeType:
    """What a file in an archive compiles to; kept by what it holds and by the name that it has in there."""
    name = hashlib.sha256(path.rpartition(".zip/")[2].encode() + b"\0" + source).hexdigest()
    if name not in CODE:
        CODE[name] = compile_source(path, source)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as file:
            file.write(marshal.dumps(CODE[name]))
        os.replace(file.name, kept / name)
    return CODE[name]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
