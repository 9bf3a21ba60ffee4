"""Tests both metadata.yaml by Airbyte's schema, and that all versions agree."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0
from packaging.version import Version

from bundle.definition import load_bundle, load_metadata

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = load_bundle(ROOT)
CONNECTORS = ["source-slack-users", "destination-oomnitza"]


def metadata(connector: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / connector / "metadata.yaml").read_text(encoding="utf-8"))
    return content


def data(connector: str) -> dict[str, Any]:
    part: dict[str, Any] = metadata(connector)["data"]
    return part


def pyproject_version(connector: str) -> str:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / connector / "pyproject.toml").read_text(), re.MULTILINE)
    return str(version)


@pytest.mark.parametrize("connector", CONNECTORS)
def test_airbytes_own_schema_takes_it(connector: str) -> None:
    parsed = ConnectorMetadataDefinitionV0.model_validate(metadata(connector))
    assert parsed.data.docker_repository == f"airbyte-oomnitza/{connector}"
    assert parsed.data.connector_type.value == connector.split("-", maxsplit=1)[0]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_metadata_has_what_platforms_need(connector: str) -> None:
    content = data(connector)
    assert content["releaseStage"] in {"alpha", "beta", "generally_available"}
    assert content["supportLevel"] == "community"
    assert content["license"] == "MIT"
    assert content["allowedHosts"]["hosts"]
    assert "*" not in content["allowedHosts"]["hosts"]
    assert {"authentication_guide", "api_reference"} <= {link["type"] for link in content["externalDocumentationUrls"]}
    jobs = {job["jobType"]: job["resourceRequirements"] for job in content["resourceRequirements"]["jobSpecific"]}
    assert {"memory_request", "memory_limit", "cpu_request", "cpu_limit"} <= jobs["sync"].keys()
    assert content["documentationUrl"].endswith(f"/docs/{connector}.md")
    assert (ROOT / "docs" / f"{connector}.md").is_file()
    ElementTree.parse(ROOT / connector / content["icon"])


def test_source_suggests_users_and_names_slacks_hosts() -> None:
    content = data("source-slack-users")
    assert content["suggestedStreams"]["streams"] == ["users"]
    assert {"slack.com", "slack-gov.com"} <= set(content["allowedHosts"]["hosts"])


def test_destination_supports_refreshes_and_no_activation_page() -> None:
    content = data("destination-oomnitza")
    assert content["supportsRefreshes"] is True
    assert "supportsDataActivation" not in content


def test_allowed_hosts_are_those_of_the_configuration() -> None:
    assert "${instance_url}" in data("destination-oomnitza")["allowedHosts"]["hosts"]
    assert "${api_url}" in data("source-slack-users")["allowedHosts"]["hosts"]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_package_on_pypi_is_the_one_that_is_built(connector: str) -> None:
    package = data(connector)["remoteRegistries"]["pypi"]["packageName"]
    assert f'name = "{package}"' in (ROOT / connector / "pyproject.toml").read_text()


@pytest.mark.parametrize("connector", CONNECTORS)
def test_wheel_has_the_license(connector: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / connector, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as content:
        (license_file,) = [name for name in content.namelist() if name.endswith("/licenses/LICENSE")]
        assert content.read(license_file).decode() == (ROOT / "LICENSE").read_text()
        assert not [name for name in content.namelist() if "unit_tests" in name or "secrets" in name]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_airbyte_cdk_connector_test_passes_without_creds(connector: str) -> None:
    """Airbyte's command passes in the connector's folder, with its pytest settings."""
    program = Path(sys.executable).with_name("airbyte-cdk")
    done = subprocess.run(
        [program, "connector", "test", "--no-creds"],
        cwd=ROOT / connector,
        env={"PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)
    assert " failed" not in done.stdout


def test_definition_ids_are_unique() -> None:
    assert len({data(connector)["definitionId"] for connector in CONNECTORS}) == len(CONNECTORS)


@pytest.mark.parametrize("connector", CONNECTORS)
def test_version_is_the_same_everywhere(connector: str) -> None:
    version = pyproject_version(connector)
    assert data(connector)["dockerImageTag"] == version
    named = {part.directory: part for part in (BUNDLE.connectors.source, BUNDLE.connectors.destination)}[connector]
    assert named.tag == version
    load_metadata(ROOT, named)
    assert set(re.findall(r"^ARG VERSION=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)) == {version}


@pytest.mark.parametrize("connector", CONNECTORS)
def test_changelog_starts_with_this_version(connector: str) -> None:
    page = (ROOT / "docs" / f"{connector}.md").read_text(encoding="utf-8")
    changelog = page[page.index("## Changelog") :]
    # Airbyte's form: a table, newest first.
    versions = re.findall(r"^\|\s*(\d+\.\d+\.\d+)\s*\|", changelog, re.MULTILINE)
    assert versions[0] == pyproject_version(connector)
    assert versions == sorted(versions, key=Version, reverse=True)


def test_both_are_built_on_the_base_image_of_the_dockerfile() -> None:
    (base,) = re.findall(r"^ARG BASE_IMAGE=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {data(connector)["connectorBuildOptions"]["baseImage"] for connector in CONNECTORS} == {base}
    assert re.fullmatch(r"airbyte/python-connector-base:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", base)
