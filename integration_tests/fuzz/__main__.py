"""Runs random inputs until a promise breaks or time is up: `make fuzz`.

An input that breaks a promise becomes a file of the corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning

from integration_tests.fuzz.inputs import STRATEGIES
from integration_tests.fuzz.targets import TARGETS, run

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parents[2] / ".cache" / "fuzz"
"""Inputs of atheris that reach new branches, kept between runs."""
_EXAMPLES = 500


def keep(target: str, data: bytes) -> Path:
    """Save an input in the corpus, and return its path."""
    path = CORPUS / target / f"{hashlib.sha256(data).hexdigest()[:12]}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def with_hypothesis(target: str, seconds: float, number: int) -> int:
    """Try inputs of the target's strategy; return their number, or exit on a finding."""
    ends = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < ends:
        number += 1
        failing = b""

        @seed(number)
        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(STRATEGIES[target])
        def hold(data: bytes) -> None:
            nonlocal tried, failing
            tried += 1
            try:
                run(target, data)
            except BaseException:
                failing = data  # the last one that fails is the smallest
                raise

        try:
            hold()
        except Exception:
            traceback.print_exc()
            print(f"{target}: a promise is broken. The input is in {keep(target, failing)}.")
            sys.exit(1)
    return tried


def with_atheris(target: str, seconds: float) -> None:
    """Try inputs guided by coverage, in a process of its own; exit on a finding."""
    found = FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    module = "integration_tests.fuzz.guided"
    options = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-artifact_prefix={found}/",
        "-max_len=4096",
        "-rss_limit_mb=1500",
    ]
    seeds = [str(path) for path in [found, CORPUS / target] if path.is_dir()]
    done = subprocess.run([sys.executable, "-m", module, target, *options, *seeds], check=False, stderr=subprocess.PIPE)
    broken = sorted([*found.glob("crash-*"), *found.glob("timeout-*"), *found.glob("oom-*")])
    if done.returncode or broken:
        print(done.stderr.decode(errors="replace")[-5000:])
        kept = [keep(target, path.read_bytes()) for path in broken]
        for path in broken:
            path.unlink()
        print(f"{target}: a promise is broken. The input is in {', '.join(map(str, kept)) or 'no file'}.")
        sys.exit(1)
    print(
        "  "
        + next((line for line in reversed(done.stderr.decode(errors="replace").splitlines()) if "Done" in line), "")
    )


def main() -> None:
    """Fuzz each target for its share of the time."""
    warnings.filterwarnings("ignore", category=HypothesisWarning)  # of large inputs
    parser = argparse.ArgumentParser(prog="python -m integration_tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the first random inputs")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=f"of {', '.join(TARGETS)}")
    options = parser.parse_args()
    is_guided = importlib.util.find_spec("atheris") is not None
    share = options.seconds / len(options.targets) / (2 if is_guided else 1)
    for target in options.targets:
        print(f"{target}: {with_hypothesis(target, share, options.seed)} inputs from seed {options.seed}", flush=True)
        if is_guided:
            with_atheris(target, share)


if __name__ == "__main__":
    main()
