"""Generate inputs, and check each against what holds for any input.

`targets.py` and `syncs.py` have one function per kind of input, which takes bytes and raises if a promise is broken. `inputs.py`
generates inputs with hypothesis. `corpus/` keeps inputs, one per file, in a folder per target: examples, and every input that once
broke a promise. `make test` replays the corpus and adds the same generated inputs in each run. `make fuzz` adds random ones, and
with atheris, if it is installed, inputs guided by the coverage of the code.
"""
