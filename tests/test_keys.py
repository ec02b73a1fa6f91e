"""Key files: private, stable, and agreed on by two first uses."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from src.errors import ConfigurationError
from src.keys import KEYS_VARIABLE, read_key


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))
    return tmp_path / "keys"


def test_a_key_is_made_once_and_readable_by_its_owner_only(folder):
    key = read_key("shop")
    assert len(key) == 32
    assert read_key("shop") == key
    assert oct((folder / "shop.key").stat().st_mode & 0o777) == "0o600"
    assert [path.name for path in folder.iterdir()] == ["shop.key"]


def test_keys_of_two_names_differ_and_are_random(folder):
    first = read_key("shop")
    assert read_key("vault") != first
    (folder / "shop.key").unlink()
    assert read_key("shop") != first


def test_a_key_of_public_data_is_the_same_everywhere(folder):
    first = read_key("complete_journey", is_public=True)
    (folder / "complete_journey.key").unlink()
    assert read_key("complete_journey", is_public=True) == first


def test_a_key_that_others_can_read_is_refused(folder):
    read_key("shop")
    (folder / "shop.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="0644"):
        read_key("shop")


@pytest.mark.parametrize("content", ["", "zz", "00" * 31, "00" * 33])
def test_a_damaged_key_is_refused_without_being_shown(folder, content):
    read_key("shop")
    (folder / "shop.key").write_text(content)
    with pytest.raises(ConfigurationError, match="restore it from a backup"):
        read_key("shop")


def test_many_first_uses_agree_on_one_key():
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: read_key("shop"), range(64)))) == 1
