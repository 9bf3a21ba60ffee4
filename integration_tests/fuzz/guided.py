"""Fuzz one target, guided by coverage: TARGET [options of libFuzzer]."""

import sys

import atheris

with atheris.instrument_imports(include=["destination_oomnitza", "source_slack_users"]):
    from integration_tests.fuzz.targets import run

target = sys.argv.pop(1)
atheris.Setup(sys.argv, lambda data: run(target, data))
atheris.Fuzz()
