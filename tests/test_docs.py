"""Documents and settings agree with the code."""

import re
import tomllib

import pytest
import yaml

from src.data.dictionary import data_dictionary
from src.root import PROJECT_ROOT


def read(name: str) -> str:
    return (PROJECT_ROOT / name).read_text(encoding="utf-8")


def test_data_dictionary_is_in_step():
    assert read("docs/data_dictionary.md") == data_dictionary(), "run `make dictionary`"


def test_environment_yml_is_in_step_with_pyproject():
    project = tomllib.loads(read("pyproject.toml"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    environment = yaml.safe_load(read("environment.yml"))
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert sorted(pip) == sorted(wanted)
    assert f"python{project['project']['requires-python']}" in environment["dependencies"]


def test_every_dependency_is_locked_with_hashes():
    project = tomllib.loads(read("pyproject.toml"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    lock = read("requirements.lock")
    for requirement in wanted:
        name = re.match(r"[\w-]+", requirement).group().lower()
        assert re.search(rf"^{name}==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE), name


def test_every_dependency_has_its_reason():
    reasons = "".join(p.read_text() for p in (PROJECT_ROOT / "docs/adr").glob("*.md"))
    project = tomllib.loads(read("pyproject.toml"))
    for requirement in project["project"]["dependencies"]:
        name = re.match(r"[\w-]+", requirement).group()
        assert f"`{name}`" in reasons, name


def test_make_names_what_the_readme_promises():
    targets = set(re.findall(r"^([a-z]+):.*##", read("Makefile"), re.MULTILINE))
    promised = set(re.findall(r"`make ([a-z]+)`", read("README.md")))
    assert promised
    assert promised <= targets


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", read("README.md")))
def test_readme_links_lead_somewhere(link):
    assert (PROJECT_ROOT / link).exists()


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in read(".ci/run")
    assert "make test" in read("README.md")
