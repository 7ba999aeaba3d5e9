"""Pure or compiled: what is tested is what was meant to be."""

import importlib
import os

from fairlift import Client

from tools.compile import MODULES


def test_modules_that_are_tested_are_those_that_were_meant() -> None:
    meant = os.environ.get("FAIRLIFT_TESTED") == "compiled"
    files = [
        str(importlib.import_module(f"{package}.{module.replace('/', '.')}").__file__)
        for package, modules in MODULES.items()
        for module in modules
    ]

    assert [not file.endswith(".py") for file in files] == [meant] * len(files)
    with Client("127.0.0.1:1") as client:
        assert client.stats().is_compiled == meant
