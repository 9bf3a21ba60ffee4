"""One target along the branches of the code: `python -m integration_tests.fuzz.guided TARGET [libFuzzer's options]`."""

import sys

import atheris

with atheris.instrument_imports(include=["destination_oomnitza", "source_slack_users"]):
    from integration_tests.fuzz.targets import run

target = sys.argv.pop(1)
atheris.Setup(sys.argv, lambda data: run(target, data))
atheris.Fuzz()
