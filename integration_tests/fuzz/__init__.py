"""Fuzzing: inputs that a generator makes up, each held against what is promised of any input.

`targets.py` has one function per kind of input; it takes bytes and raises if a promise is broken. `inputs.py` makes inputs with
hypothesis. `corpus/` keeps inputs, one a file, in a folder per target: plain examples, and whatever once broke a promise.
`test_fuzz.py` replays the corpus and adds fixed examples (`make test`); `make fuzz SECONDS=600` goes on with random ones, and with
atheris, if it is installed, along the code's branches.
"""
