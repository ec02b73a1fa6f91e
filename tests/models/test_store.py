"""Kept models: the same back, or nothing; never a byte to a parser before the digest."""

from collections.abc import Callable
import dataclasses
import os
from pathlib import Path
import re
import shutil
import stat
import subprocess
import sys

import lightgbm
import numpy as np
import pandas as pd
import pytest

from src.errors import ModelRefusedError, ParameterError
from src.keys import keys_path
from src.metrics.intervals import Interval
from src.models import sealed, store
from src.models.card_words import card_text
from src.models.cards import (
    Challenge,
    Metric,
    ModelCard,
    Window,
    calibration_bins,
    column_types,
    compare_groups,
)
from src.models.store import KEY_NAME, ModelParts, read_kept, write_kept

STAGE = "04b_purchase"
N_DAMAGED = 1_000


def make_card(**changes) -> ModelCard:
    y = np.tile([0.0, 1.0], 100)
    p = np.linspace(0.01, 0.99, 200)
    card = ModelCard(
        stage=STAGE,
        purpose="Who orders in the next 28 days, as logged; not whom a message changes.",
        model="lightgbm",
        baseline="RFM rule",
        verdict="better by .02 nats per customer (.01 to .03).",
        as_of_date="2024-06-30",
        seed=1,
        inputs=column_types(pd.DataFrame({"recency_days": [1], "city": ["Rome"]})),
        outputs={"p_purchase": "float64"},
        windows=(Window("test", "2024-06-03", "2024-06-30"),),
        metrics=(Metric("AUC", "test", Interval(0.8, 0.75, float("nan"), 0.95, 200), True),),
        calibration=calibration_bins(y, p, 4),
        groups=compare_groups(pd.DataFrame({"lifecycle": ["active", None] * 100}), y, p),
        limits=("Weeks with holidays were not seen.",),
        challenge=Challenge("ab" * 32, Interval(0.02, 0.01, 0.03, 0.95, 200), "log loss"),
    )
    return dataclasses.replace(card, **changes)


@pytest.fixture(scope="module")
def booster():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    rows = lightgbm.Dataset(X, label=(X[:, 0] + X[:, 1] > 0).astype(float))
    settings = {"objective": "binary", "num_leaves": 6, "verbosity": -1, "num_threads": 1}
    return lightgbm.train(settings, rows, num_boost_round=20)


@pytest.fixture
def parts(booster):
    return ModelParts(
        {"candidate": "lightgbm", "rate": 0.1 + 0.2, "columns": ["recency_days"]},
        {"trees": booster.model_to_string()},
        {"means": np.array([0.1, np.nan, np.inf]), "levels": np.array(["a", "bc"])},
    )


@pytest.fixture
def folder(tmp_path, parts):
    folder = tmp_path / "models" / STAGE
    write_kept(folder, parts, make_card())
    return folder


def test_a_model_comes_back_to_the_last_bit(folder, parts, booster):
    kept = read_kept(folder, STAGE)
    assert kept.parts.plain == parts.plain
    assert kept.parts.texts == parts.texts
    for name, array in parts.arrays.items():
        np.testing.assert_array_equal(kept.parts.arrays[name], array)
        assert kept.parts.arrays[name].dtype == array.dtype
    again = lightgbm.Booster(model_str=kept.parts.texts["trees"])
    X = np.random.default_rng(1).normal(size=(50, 4))
    np.testing.assert_array_equal(again.predict(X), booster.predict(X))


def test_the_card_comes_back_and_can_be_read(folder):
    card = read_kept(folder, STAGE).card
    assert card.to_json() == make_card().to_json()
    assert card.challenge.is_won
    assert np.isnan(card.metrics[0].figure.upper)
    text = (folder / "card.md").read_text()
    assert text == card_text(make_card())
    for part in (
        "not whom a message changes",
        "RFM rule",
        "0.75 to not known",
        "lifecycle: active",
        "lifecycle: unknown",
        "Weeks with holidays",
        "surely better and replaces it",
    ):
        assert part in text


def test_groups_are_predicted_against_observed():
    """Four customers each; p .5 and .25, of whom 1 of 2 and 0 of 2 ordered."""
    groups = pd.DataFrame({"age": ["old", "old", "new", "new", None]})
    y, p = np.array([0, 1, 0, 0, 1.0]), np.array([0.4, 0.6, 0.2, 0.3, 0.9])
    new, old = compare_groups(groups, y, p, min_customers=2)
    assert (new.level, new.n, new.observed) == ("new", 2, 0.0)
    assert new.predicted == pytest.approx(0.25)
    assert (old.level, old.predicted, old.observed) == ("old", 0.5, 0.5)
    assert new.upper == pytest.approx(1.959964**2 / (2 + 1.959964**2), abs=1e-6)  # Wilson at 0 of 2


def test_a_challenger_needs_its_lower_end_above_zero():
    assert not Challenge("x", Interval(0.1, 0.0, 0.2, 0.95, 9), "AUC").is_won
    assert not Challenge("x", Interval(0.1, float("nan"), 0.2, 0.95, 9), "AUC").is_won
    assert Challenge("x", Interval(0.1, 0.01, 0.2, 0.95, 9), "AUC").is_won


def test_the_same_model_gives_the_same_bytes(folder, parts, tmp_path):
    write_kept(tmp_path / "again", parts, make_card())
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_model_is_replaced_as_a_whole(folder):
    first = read_kept(folder, STAGE).digest
    second = write_kept(folder, ModelParts({"rate": 0.5}), make_card(model="base_rate"))
    kept = read_kept(folder, STAGE)
    assert (kept.digest, kept.parts.plain) == (second, {"rate": 0.5})
    assert second != first
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "card.md",
        "digest.json",
        "model.json",
    ]
    assert os.listdir(folder.parent) == [STAGE]


def test_writing_that_fails_leaves_the_old_model(folder, parts, monkeypatch):
    before = read_kept(folder, STAGE).digest
    calls = []

    def full_disk(path, content):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(store, "_write_durably", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_kept(folder, ModelParts({"rate": 0.5}), make_card())
    assert read_kept(folder, STAGE).digest == before
    assert os.listdir(folder.parent) == [STAGE]


@pytest.mark.parametrize(
    ("plain", "texts", "arrays"),
    [
        ({"rate": float("nan")}, {}, {}),
        ({"rate": np.float32(1)}, {}, {}),
        ({"model": object()}, {}, {}),
        ({}, {"../trees": ""}, {}),
        ({}, {}, {"a": np.array([{"x": 1}])}),
    ],
    ids=["nan", "numpy", "object", "path", "object_array"],
)
def test_only_plain_data_is_kept(tmp_path, plain, texts, arrays):
    with pytest.raises(ParameterError, match="Expected"):
        write_kept(tmp_path / STAGE, ModelParts(plain, texts, arrays), make_card())
    assert not (tmp_path / STAGE).exists()


# A thousand damaged models


def flip_bit(path: Path, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)


def truncate(path: Path, rng: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(len(content))])


def lengthen(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes() + rng.bytes(int(rng.integers(1, 50))))


def scramble(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(rng.bytes(len(path.read_bytes())))


def remove(path: Path, rng: np.random.Generator) -> None:
    path.unlink()


def edit_number(path: Path, rng: np.random.Generator) -> None:
    """Change one digit, as a hand with an editor would: the file stays well-formed."""
    content = bytearray(path.read_bytes())
    digits = [k for k, byte in enumerate(content) if chr(byte).isdigit()]
    k = digits[rng.integers(len(digits))]
    content[k] = ord("0") + (content[k] - ord("0") + 1 + int(rng.integers(9))) % 10
    path.write_bytes(content)


def swap_with_other(path: Path, rng: np.random.Generator) -> None:
    """Take the file of another model that was kept here: its own digest is sound."""
    shutil.copy(path.parents[1] / "other" / path.name, path)


def link(path: Path, rng: np.random.Generator) -> None:
    moved = path.parents[1] / f"moved-{path.name}"
    shutil.copy(path, moved)
    path.unlink()
    path.symlink_to(moved)


def pipe(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    path.mkdir()


def huge(path: Path, rng: np.random.Generator) -> None:
    with path.open("ab") as file:
        file.truncate(sealed.MOST_BYTES + 1)  # sparse: takes no space


def rename(path: Path, rng: np.random.Generator) -> None:
    path.rename(path.with_name(f"x{path.name}"))


def add_file(path: Path, rng: np.random.Generator) -> None:
    shutil.copy(path, path.with_name("extra.txt"))


def add_strange_name(path: Path, rng: np.random.Generator) -> None:
    name = os.fsencode(path.parent) + b"/" + bytes(rng.integers(1, 47, 6, dtype="uint8")) + b"\xff"
    Path(os.fsdecode(name)).write_bytes(b"")


DAMAGES: tuple[Callable[[Path, np.random.Generator], None], ...] = (
    flip_bit,
    truncate,
    lengthen,
    scramble,
    remove,
    edit_number,
    swap_with_other,
    link,
    pipe,
    folder_instead,
    huge,
    rename,
    add_file,
    add_strange_name,
)


def test_a_thousand_damaged_models_are_refused_unparsed(tmp_path, parts, booster, monkeypatch):
    """Fourteen kinds of damage to each file in turn; no parser is called even once."""
    whole, other = tmp_path / "whole", tmp_path / "work" / "other"
    write_kept(whole, parts, make_card())
    changed = ModelParts(
        parts.plain | {"rate": 0.5},
        {"trees": booster.model_to_string(num_iteration=3)},
        {"means": np.zeros(3)},
    )
    write_kept(other, changed, make_card(verdict="not better."))
    parsed = []
    monkeypatch.setattr(store.json, "loads", lambda *_: parsed.append("json"))
    monkeypatch.setattr(store.np, "load", lambda *_, **__: parsed.append("npz"))
    names = sorted(path.name for path in whole.iterdir())
    rng = np.random.default_rng(20241122)
    refused = 0
    for k in range(N_DAMAGED):
        folder = tmp_path / "work" / "kept"
        shutil.copytree(whole, folder)
        name = names[k // len(DAMAGES) % len(names)]
        DAMAGES[k % len(DAMAGES)](folder / name, rng)
        with pytest.raises(ModelRefusedError) as refusal:
            read_kept(folder, STAGE)
        refused += 1
        assert str(refusal.value).count("\n") == 0
        shutil.rmtree(folder)
        for left in (tmp_path / "work").glob("moved-*"):
            left.unlink()
    assert (refused, parsed) == (N_DAMAGED, [])


def test_a_model_of_another_stage_or_key_is_refused(folder, monkeypatch, tmp_path):
    with pytest.raises(ModelRefusedError, match="something else"):
        read_kept(folder, "04c_value")
    key = keys_path() / f"{KEY_NAME}.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    monkeypatch.setenv("CAMPANILE_KEYS", str(tmp_path / "other_keys"))
    with pytest.raises(ModelRefusedError, match="another key"):
        read_kept(folder, STAGE)


def test_the_whole_digest_of_another_model_is_refused(folder, parts, tmp_path):
    write_kept(tmp_path / "other", ModelParts({"rate": 0.5}), make_card())
    shutil.copy(tmp_path / "other" / "digest.json", folder / "digest.json")
    with pytest.raises(ModelRefusedError, match="is not what was written"):
        read_kept(folder, STAGE)


def test_a_forged_digest_needs_the_key(folder):
    """An attacker who knows the code, but not the key."""
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "digest.json"}
    files["model.json"] = b'{"candidate": "base_rate"}'
    (folder / "model.json").write_bytes(files["model.json"])
    forged, _ = sealed.sealed_digest(files, STAGE, bytes(32))
    (folder / "digest.json").write_bytes(forged)
    with pytest.raises(ModelRefusedError, match="another key"):
        read_kept(folder, STAGE)


def test_a_folder_that_is_a_link_or_absent_is_refused(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    for path in (tmp_path / "link", tmp_path / "nowhere", folder / "model.json"):
        with pytest.raises(ModelRefusedError, match="folder of a kept model"):
            read_kept(path, STAGE)
    (tmp_path / "run").symlink_to(folder.parent)  # as runs/latest is
    assert read_kept(tmp_path / "run" / STAGE, STAGE).card.stage == STAGE


def test_too_many_files_are_refused(folder):
    for k in range(sealed.MOST_FILES):
        (folder / f"t{k}.txt").write_text("")
    with pytest.raises(ModelRefusedError, match="more than 64"):
        read_kept(folder, STAGE)


def test_files_that_are_large_only_together_are_refused(folder, monkeypatch):
    sizes = [path.stat().st_size for path in folder.iterdir()]
    monkeypatch.setattr(sealed, "MOST_BYTES", sum(sizes))
    assert read_kept(folder, STAGE).card.stage == STAGE
    monkeypatch.setattr(sealed, "MOST_BYTES", sum(sizes) - 1)
    with pytest.raises(ModelRefusedError, match="more than are read"):
        read_kept(folder, STAGE)


# Why the digest comes first

LOAD = """
import sys, lightgbm, numpy as np
for path in sys.argv[1:]:
    booster = lightgbm.Booster(model_str=open(path, encoding="utf-8").read())
    p = booster.predict(np.full((1, 4), 0.3), num_threads=1)[0]
    print(booster.num_trees(), repr(float(p)), flush=True)
"""


def load_unchecked(*paths: Path) -> tuple[int, list[str]]:
    """Load files of trees in a process of their own: how it ended, and what it said."""
    command = [sys.executable, "-c", LOAD, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, timeout=200)
    return done.returncode, done.stdout.decode("utf-8", errors="replace").splitlines()


@pytest.mark.slow
def test_lightgbm_alone_would_crash_or_load_another_model(booster, tmp_path):
    """The reason for the check: each of these files is refused above, and would not be below."""
    text = booster.model_to_string()
    without_sizes = re.sub(r"tree_sizes=.*\n", "", text)
    files = {
        "right": text,
        "cut": without_sizes[: without_sizes.index("Tree=10")],
        "edited": re.sub(
            r"leaf_value=(.*)", lambda m: f"leaf_value={' '.join(m[1].split()[::-1])}", text
        ),
        "half": text[: len(text) // 2],
    }
    paths = [tmp_path / name for name in files]
    for path in paths:
        path.write_text(files[path.name], encoding="utf-8")
    code, said = load_unchecked(*paths)
    right, cut, edited = (line.split() for line in said[:3])
    assert right == ["20", repr(float(booster.predict(np.full((1, 4), 0.3))[0]))]
    assert cut[0] == "10"  # half of the model, without a word
    assert edited[0] == "20"
    assert len({right[1], cut[1], edited[1]}) == 3
    assert code < 0  # the last file ended the process by a signal: no `except` would have helped
