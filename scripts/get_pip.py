"""Stands in for get-pip.py in ansible-test's cache: installs the packages named from wheels that lie beside it."""

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def wheel(name: str, version: str) -> str:
    return glob.glob(os.path.join(HERE, f"{name}-{version or '*'}-*.whl"))[0]


for requirement in (argument for argument in sys.argv[1:] if not argument.startswith("-")):
    name, _equals, version = requirement.partition("==")
    subprocess.check_call(
        [sys.executable, os.path.join(wheel("pip", ""), "pip"), "install", "-q", "--no-deps", "--no-index"]
        + [wheel(name, version)]
    )
