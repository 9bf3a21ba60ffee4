"""Build both images without a Docker engine, look into them, and run them: `make image-test`.

buildah builds from the same Dockerfile, in chroot isolation, so that neither a daemon nor a container runtime is
needed. Airbyte's base image cannot be pulled everywhere: without BASE_IMAGE a Debian made by debootstrap, with its own
Python 3.11 and the same user 1000 "airbyte", stands in for it. Packages come from wherever pip is set up to look.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from registration.bundle import Connector, load_bundle

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "images"
STAND_IN = "localhost/airbyte-python-connector-base-stand-in:bookworm"
# Where the final image may hold more than its base: /opt/connector, its working directory under /airbyte, and the empty
# mount points that running a build leaves.
ADDED = {"opt", "airbyte", "dev", "proc", "run", "sys"}
# Compilers, and what builds or tests: nothing of it belongs into a shipped environment.
TOOLS = {
    "cc",
    "gcc",
    "g++",
    "make",
    "ld",
    "cargo",
    "git",
    "pip",
    "pip3",
    "hatchling",
    "pytest",
    "ruff",
    "mypy",
    "duckdb",
}
# Nobody listens on port 9: a check must say so, and not crash.
CONFIGURATIONS = {
    "source-slack-users": {
        "credentials": {"auth_type": "api_token", "api_token": "made-up"},
        "api_url": "http://127.0.0.1:9/api/",
    },
    "destination-oomnitza": {
        "instance_url": "http://127.0.0.1:9",
        "credentials": {"auth_type": "api_token", "api_token": "made-up"},
        "default_role": 25,
    },
}


def run(*command: str) -> str:
    """Run a command and give its standard output; its errors go to the terminal. Raises CalledProcessError."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def buildah(*arguments: str) -> str:
    """Run buildah on a storage of our own: plain directories, which any file system can hold."""
    places = ("--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run"), "--storage-driver", "vfs")
    return run("buildah", *places, *arguments).strip()


def stand_in_base() -> str:
    """Give the name of a Debian image with Python 3.11 and Airbyte's user, made once and kept in .cache."""
    if buildah("images", "--quiet", "--filter", f"reference={STAND_IN}"):
        return STAND_IN
    print("Making the base image with debootstrap (a minute, once) ...", flush=True)
    tree = CACHE / "base"
    shutil.rmtree(tree, ignore_errors=True)
    packages = "python3,python3-venv,ca-certificates,adduser"
    run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(tree))
    user = ("--uid", "1000", "--system", "--group", "--no-create-home", "airbyte")
    run("chroot", str(tree), "adduser", "--quiet", *user)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(tree), "/")
    buildah("config", "--cmd", "python3", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
    buildah("commit", "--quiet", "--rm", container, STAND_IN)
    shutil.rmtree(tree)
    return STAND_IN


def pip_secrets(folder: Path) -> list[str]:
    """Hand this machine's way to its packages into the build, as secrets that no layer keeps."""
    secrets = []
    settings = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    found = dict(line.split("=", 1) for line in settings)
    values = {name.rsplit(".", 1)[-1]: value.strip("'\"") for name, value in found.items()}
    # Local directories of packages are not in the build's sight; everything else of the search is.
    kept = {key: values[key] for key in ("index-url", "trusted-host", "proxy", "timeout") if key in values}
    if kept:
        lines = ["[global]", *(f"{key} = {value}" for key, value in kept.items())]
        (folder / "pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        secrets += ["--secret", f"id=pip.conf,src={folder / 'pip.conf'}"]
    if "cert" in values:
        secrets += ["--secret", f"id=ca.pem,src={values['cert']}"]
    return secrets


def build(connector: Connector, base: str, folder: Path) -> str:
    """Build one connector's image; give its name."""
    name = connector.directory
    image = f"localhost/{connector.image}"
    print(f"Building {name} ...", flush=True)
    arguments = [f"BASE_IMAGE={base}", f"CONNECTOR={name}", f"VERSION={connector.tag}"]
    flags = [flag for argument in arguments for flag in ("--build-arg", argument)] + pip_secrets(folder)
    buildah("bud", "--quiet", "--isolation", "chroot", "--pull-never", *flags, "--tag", image, str(ROOT))
    return image


def look_into(connector: Connector, base: str, image: str) -> None:
    """Check what the image says of itself, and that it adds the connector to its base, and no tools."""
    config = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    env = dict(entry.split("=", 1) for entry in config["Env"])
    assert config["Entrypoint"] == [env["AIRBYTE_ENTRYPOINT"]], config
    assert config["User"] == "1000", config
    assert config["Labels"]["io.airbyte.name"] == connector.repository, config
    assert config["Labels"]["io.airbyte.version"] == connector.tag, config
    assert not [name for name in env if name.startswith("PIP_")], env

    added = files(image) - files(base)
    assert {path.split("/")[0] for path in added} <= ADDED, sorted(added)[:20]
    names = {Path(path).name for path in added}
    assert not names & TOOLS, names & TOOLS
    print(f"  user 1000, labels, entry point; {len(added):,} paths more than its base, no build tools among them")


def files(image: str) -> set[str]:
    """List all paths of an image, relative to its root."""
    container = buildah("from", "--pull-never", image)
    try:
        return set(run("find", buildah("mount", container), "-mindepth", "1", "-printf", "%P\\n").splitlines())
    finally:
        buildah("rm", container)


def run_inside(connector: Connector, image: str, folder: Path) -> None:
    """Run spec and check as Airbyte does, `eval "$AIRBYTE_ENTRYPOINT ..."`, as the image's own user."""
    (folder / "config.json").write_text(json.dumps(CONFIGURATIONS[connector.directory]), encoding="utf-8")
    container = buildah("from", "--pull-never", image)

    def inside(script: str) -> str:
        mount = f"{folder}:/config:ro"
        return buildah("run", "--isolation", "chroot", "-v", mount, container, "--", "sh", "-c", script)

    def message(command: str, kind: str) -> Any:
        lines = [json.loads(line) for line in inside(f'eval "$AIRBYTE_ENTRYPOINT {command}"').splitlines()]
        (found,) = [line for line in lines if line["type"] == kind]
        return found

    try:
        assert inside("id -u") == "1000"
        settings = message("spec", "SPEC")["spec"]["connectionSpecification"]["properties"]
        assert "credentials" in settings
        status = message("check --config /config/config.json", "CONNECTION_STATUS")["connectionStatus"]
        assert status["status"] == "FAILED"
        assert status["message"]
        print(f"  spec: {len(settings)} settings; check, nobody listening: {status['message']}")
    finally:
        buildah("rm", container)


def main() -> int:
    """Build, look into and run both images; 0 when all held."""
    base = os.environ.get("BASE_IMAGE")
    missing = [tool for tool in ("buildah", *(() if base else ("debootstrap",))) if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        print(
            "make image-test needs root, and from Debian's packages: apt-get install buildah debootstrap",
            file=sys.stderr,
        )
        return 1
    bundle = load_bundle(ROOT)
    CACHE.mkdir(parents=True, exist_ok=True)
    if base:
        buildah("pull", "--quiet", base)
    base = base or stand_in_base()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # read by user 1000 inside
        for connector in (bundle.connectors.source, bundle.connectors.destination):
            image = build(connector, base, folder)
            look_into(connector, base, image)
            run_inside(connector, image, folder)
    buildah("rmi", "--prune")
    print("Both images build, and run spec and check as Airbyte runs them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
