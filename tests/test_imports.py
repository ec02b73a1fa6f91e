"""Imports run one way: a module may import only from those above it."""

import ast

import pytest

from src.root import PROJECT_ROOT

LAYERS = (
    ("errors", "figure", "root", "realised"),
    ("data.contract", "data.columns", "data.window"),
    (
        "data.shop_tables",
        "data.campaign_tables",
        "data.picture_tables",
        "data.tables",
        "data.dictionary",
        "data.views",
        "engine",
    ),
    ("data.stored", "earlier"),
    ("stage",),
    ("keys", "params"),
    ("sources", "metrics"),
    ("models.store", "models.sealed", "models.cards", "models.card_words"),
    ("tracking",),
    ("data",),
    ("identity",),
    ("inspection",),
    ("ledger",),
    ("features",),
    ("publish",),
    ("models",),
    ("decide",),
    ("campaign",),
    ("send",),
    ("inbound",),
    ("measure",),
    ("rehearsal",),
    ("kernels", "run_record", "report"),
    ("workshop",),
    ("pipeline", "source_commands", "tag_commands", "run_ledger", "send_commands"),
    ("rehearsal.wave", "rehearsal.rehearse", "rehearsal.page"),
    ("message_commands", "campaign_commands", "campaign_file_commands"),
    ("ledger_commands",),
    ("inbound_commands", "rehearsal_commands", "bars"),
    ("cli",),
)
MODULES = sorted((PROJECT_ROOT / "src").rglob("*.py"))


def module_name(path) -> str:
    parts = path.relative_to(PROJECT_ROOT / "src").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def rank(name: str) -> int:
    """Rank of the longest layer name that fits."""
    fits = [
        (len(layer), index)
        for index, layers in enumerate(LAYERS)
        for layer in layers
        if name == layer or name.startswith(layer + ".")
    ]
    assert fits, f"{name} has no layer"
    return max(fits)[1]


def imported(path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("src"):
            found |= {f"{node.module}.{alias.name}".removeprefix("src.") for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("src.") for a in node.names if a.name.startswith("src.")}
    return {name for name in found if name}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_run_one_way(path):
    name = module_name(path)
    if not name:
        return
    for other in imported(path):
        package = name.split(".")[0]
        if other.split(".")[0] == package and rank(other) == rank(name):
            continue
        assert rank(other) <= rank(name), f"{name} imports {other}, which lies below it"
        assert rank(other) < rank(name) or other.split(".")[0] == package


def test_only_tracking_imports_mlflow():
    users = [module_name(p) for p in MODULES if "mlflow" in _plain_imports(p)]
    assert users == ["tracking"]


def _plain_imports(path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    return names | {
        (n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)
    }


def test_modules_are_short_and_have_no_catch_all_names():
    for path in MODULES:
        assert path.read_text(encoding="utf-8").count("\n") <= 400, path.name
        assert path.stem not in {"utils", "helpers", "common", "misc"}
