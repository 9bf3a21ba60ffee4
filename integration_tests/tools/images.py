"""Builds, inspects and runs both images without Docker, for `make image-test`.

buildah builds from the same Dockerfile, in chroot isolation, so that neither a daemon nor a container runtime is
needed. Airbyte's base image cannot be pulled everywhere: without BASE_IMAGE a Debian made by debootstrap, with its own
Python 3.11 and the same user 1000 "airbyte", stands in for it. Packages come from wherever pip is set up to look.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bundle.definition import Connector, load_bundle
from integration_tests.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "images"
EPOCH = "1767225600"
"""Time of every file and of the image: the Dockerfile's SOURCE_DATE_EPOCH."""
STAND_IN = "localhost/airbyte-python-connector-base-stand-in:bookworm"
# Paths that the final image may add to its base: /opt/connector, its working directory under /airbyte, and the empty
# mount points that a build leaves.
ADDED = {"opt", "airbyte", "dev", "proc", "run", "sys"}
# Compilers and packages for builds or tests, which must not be in a shipped environment.
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
CATALOG = {
    "streams": [
        {
            "stream": {
                "name": "users",
                "json_schema": {},
                "supported_sync_modes": ["full_refresh", "incremental"],
                "source_defined_primary_key": [["id"]],
            },
            "sync_mode": "incremental",
            "destination_sync_mode": "append_dedup",
            "cursor_field": ["updated"],
            "primary_key": [["id"]],
        }
    ]
}
Message = dict[str, Any]


def run(*command: str, stdin: str = "") -> str:
    """Run a command and return its standard output; its errors go to the terminal.

    Raises CalledProcessError.
    """
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, input=stdin, text=True).stdout


def buildah(*arguments: str, stdin: str = "") -> str:
    """Run buildah on a storage of plain directories, which any file system supports."""
    places = ("--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run"), "--storage-driver", "vfs")
    return run("buildah", *places, *arguments, stdin=stdin).strip()


def stand_in_base() -> str:
    """Return a Debian image with Python 3.11 and Airbyte's user, kept in .cache."""
    if buildah("images", "--quiet", "--filter", f"reference={STAND_IN}"):
        return STAND_IN
    print("Building the base image with debootstrap (a minute, once) ...", flush=True)
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
    """Pass this machine's pip settings to the build, as secrets that no layer keeps."""
    secrets = []
    settings = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    found = dict(line.split("=", 1) for line in settings)
    values = {name.rsplit(".", 1)[-1]: value.strip("'\"") for name, value in found.items()}
    # Local directories of packages are not visible in the build; all other settings apply.
    kept = {key: values[key] for key in ("index-url", "trusted-host", "proxy", "timeout") if key in values}
    if kept:
        lines = ["[global]", *(f"{key} = {value}" for key, value in kept.items())]
        (folder / "pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        secrets += ["--secret", f"id=pip.conf,src={folder / 'pip.conf'}"]
    if "cert" in values:
        secrets += ["--secret", f"id=ca.pem,src={values['cert']}"]
    return secrets


def build(connector: Connector, base: str, folder: Path, *further: str) -> str:
    """Build one connector's image, and return its name."""
    name = connector.directory
    image = f"localhost/{connector.image}"
    print(f"Building {name} ...", flush=True)
    arguments = [f"BASE_IMAGE={base}", f"CONNECTOR={name}", f"VERSION={connector.tag}"]
    flags = [flag for argument in arguments for flag in ("--build-arg", argument)] + pip_secrets(folder)
    flags += ["--timestamp", EPOCH]
    buildah("bud", "--quiet", "--isolation", "chroot", "--pull-never", *flags, *further, "--tag", image, str(ROOT))
    return image


def look_into(connector: Connector, base: str, image: str) -> None:
    """Check the image's metadata, and that it adds only the connector to its base."""
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
    packages = {path.parts[-1] for path in map(Path, added) if path.parts[-2:-1] == ("site-packages",)}
    installed = {_distribution(name) for name in packages if name.endswith(".dist-info")}
    assert installed - pins() == {(f"airbyte-{connector.directory}", connector.tag)}, installed - pins()
    listed = {(part["name"].lower(), part["version"]) for part in bill_of_materials(image)}
    assert {(re.sub(r"[-_.]+", "-", name), version) for name, version in listed} == installed, listed ^ installed
    print(f"  user 1000, labels, entry point; {len(installed)} packages of the lock, no build tools")
    print("  the SBOM lists each of them")


def bill_of_materials(image: str) -> list[Message]:
    """Return the packages that the image's own SBOM lists."""
    container = buildah("from", "--pull-never", image)
    try:
        text = (Path(buildah("mount", container)) / "opt/connector/sbom.cdx.json").read_text(encoding="utf-8")
    finally:
        buildah("rm", container)
    document: Message = json.loads(text)
    assert document["bomFormat"] == "CycloneDX", document
    parts: list[Message] = document["components"]
    return parts


def build_again(connector: Connector, base: str, folder: Path, image: str) -> None:
    """Check that a second build of the same sources gives the same image.

    An image's id is the digest of its settings and all layers.
    """
    first = buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", image)
    build(connector, base, folder, "--no-cache")
    second = buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", image)
    assert second == first, f"Two builds of the same sources differ: {first}, {second}"
    print(f"  a second build gives the same image: {first[:12]}")


def _distribution(folder: str) -> tuple[str, ...]:
    """Return name and version of a folder such as Jinja2-3.1.6.dist-info."""
    name, version = folder.removesuffix(".dist-info").rsplit("-", 1)
    return re.sub(r"[-_.]+", "-", name).lower(), version


def pins() -> set[tuple[str, ...]]:
    """Return the names and versions of constraints.txt, for all Pythons."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {tuple(line.split(";")[0].strip().split("==")) for line in lines}


def files(image: str) -> set[str]:
    """List all paths of an image, relative to its root."""
    container = buildah("from", "--pull-never", image)
    try:
        return set(run("find", buildah("mount", container), "-mindepth", "1", "-printf", "%P\\n").splitlines())
    finally:
        buildah("rm", container)


class Container:
    """Runs Airbyte's commands in a container, as the image's own user."""

    def __init__(self, image: str, folder: Path, configuration: Message) -> None:
        self.image = image
        self.folder = folder / image.rpartition(":")[0].rpartition("/")[2]
        self.folder.mkdir()
        # Nobody listens on this port: a check must report that, and not crash.
        address = {key: value for key, value in configuration.items() if key in {"api_url", "instance_url"}}
        self._write("nobody.json", {**configuration, **dict.fromkeys(address, "http://127.0.0.1:9/api/")})
        self._write("config.json", configuration)
        self._write("catalog.json", CATALOG)

    def __enter__(self) -> "Container":
        self.name = buildah("from", "--pull-never", self.image)
        return self

    def __exit__(self, *_: object) -> None:
        buildah("rm", self.name)

    def shell(self, script: str, stdin: str = "") -> str:
        """Run a shell script with this test's files in /config; return its output."""
        mount = f"{self.folder}:/config:ro"
        command = ("run", "--isolation", "chroot", "-v", mount, self.name, "--", "sh", "-c", script)
        return buildah(*command, stdin=stdin)

    def airbyte(self, command: str, kind: str, stdin: str = "") -> list[Message]:
        """Run a command of the protocol, and return its messages of one kind."""
        output = self.shell(f'eval "$AIRBYTE_ENTRYPOINT {command}"', stdin)
        return [message for message in map(json.loads, output.splitlines()) if message["type"] == kind]

    def spec_and_check(self) -> None:
        """Run spec, then check without a server and against the sandbox."""
        assert self.shell("id -u") == "1000"
        (spec,) = self.airbyte("spec", "SPEC")
        settings = spec["spec"]["connectionSpecification"]["properties"]
        for file, expected in (("nobody.json", "FAILED"), ("config.json", "SUCCEEDED")):
            (message,) = self.airbyte(f"check --config /config/{file}", "CONNECTION_STATUS")
            assert message["connectionStatus"]["status"] == expected, message
        print(f"  spec lists {len(settings)} settings; check fails without a server, and succeeds with the sandbox")

    def _write(self, file: str, content: Message) -> None:
        (self.folder / file).write_text(json.dumps(content), encoding="utf-8")


def configurations(sandbox: Sandbox) -> tuple[Message, Message]:
    """Return both connectors' configurations for the sandbox."""
    slack = {"auth_type": "api_token", "api_token": sandbox.slack.token}
    oomnitza = {"auth_type": "api_token", "api_token": sandbox.oomnitza.token}
    return (
        {"credentials": slack, "api_url": sandbox.slack_url},
        {"credentials": oomnitza, "instance_url": sandbox.oomnitza_url, "default_role": "Employee"},
    )


def sync(source: Container, destination: Container) -> None:
    """Sync the sandbox's Slack into its Oomnitza, from container to container."""
    files = "--config /config/config.json --catalog /config/catalog.json"
    output = source.shell(f'eval "$AIRBYTE_ENTRYPOINT read {files}"')
    passed = [line for line in output.splitlines() if json.loads(line)["type"] in {"RECORD", "STATE", "TRACE"}]
    logs = destination.airbyte(f"write {files}", "LOG", "\n".join(passed) + "\n")
    (report,) = [log["log"]["message"] for log in logs if "sync_report" in log["log"]["message"]]
    outcomes = json.loads(report[report.index("{") :])["sync_report"]["users"]
    assert outcomes["added"] > 0, outcomes
    assert outcomes["failed"] == 0, outcomes
    print(f"A sync from one image into the other: {outcomes}")


def main() -> int:
    """Build, inspect and run both images; return 0 if all checks succeed."""
    base = os.environ.get("BASE_IMAGE")
    missing = [tool for tool in ("buildah", *(() if base else ("debootstrap",))) if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        print("make image-test needs root, and the Debian packages buildah and debootstrap.", file=sys.stderr)
        return 1
    bundle = load_bundle(ROOT)
    CACHE.mkdir(parents=True, exist_ok=True)
    if base:
        buildah("pull", "--quiet", base)
    base = base or stand_in_base()
    connectors = (bundle.connectors.source, bundle.connectors.destination)
    with tempfile.TemporaryDirectory() as name, Sandbox(people=60) as sandbox, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # read by user 1000 inside
        containers = []
        for connector, configuration in zip(connectors, configurations(sandbox), strict=True):
            image = build(connector, base, folder)
            look_into(connector, base, image)
            build_again(connector, base, folder, image)
            container = stack.enter_context(Container(image, folder, configuration))
            container.spec_and_check()
            containers.append(container)
        sync(*containers)
    buildah("rmi", "--prune")
    return 0


if __name__ == "__main__":
    sys.exit(main())
