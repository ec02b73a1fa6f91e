"""A params file: what a person chose for one run, checked before anything starts."""

import ast
from dataclasses import dataclass
import datetime as dt
import difflib
import io
import json
from pathlib import Path
import tokenize
from typing import Any

import yaml

from src.data.tables import STAGES
from src.data.window import parse_date
from src.errors import ParameterError
from src.root import PROJECT_ROOT

__all__ = [
    "Declared",
    "Params",
    "declared_parameters",
    "notebook_path",
    "read_params",
    "write_params",
]

_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "bool": (bool,),
    "list[str]": (str,),
    "list[int]": (int,),
    "list[float]": (float, int),
}


@dataclass(frozen=True)
class Declared:
    """One line of a notebook's parameters cell."""

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True)
class Params:
    """What every stage of a run is given.

    Parameters
    ----------
    file : str
        The params file as the person named it.
    stages : dict of str to dict
        Resolved values of each stage: defaults, then ``run``, then its own block, then
        what the command line set. `run_dir` is left to the runner.
    """

    file: str
    stages: dict[str, dict[str, Any]]

    def value(self, name: str) -> Any:
        """Return the first value of that name among the stages, None if there is none."""
        return next((block[name] for block in self.stages.values() if name in block), None)


class _Loader(yaml.SafeLoader):
    """Plain YAML that refuses a key given twice; PyYAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, (key_node, _) in enumerate(node.value):
            if keys[i] in keys[:i]:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"{keys[i]!r} is given twice, the second time at line {line}")
        return super().construct_mapping(node, deep)


def notebook_path(stage: str) -> Path:
    """Where the notebook of a stage lies."""
    return PROJECT_ROOT / "notebooks" / f"{stage}.ipynb"


def declared_parameters(stage: str) -> dict[str, Declared]:
    """Read the parameters cell of a stage's notebook: one typed, explained literal per line.

    Raises
    ------
    ParameterError
        If the notebook is missing or broken, or a line is no typed literal.
    """
    source = _parameters_source(stage)
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    declared = {}
    for line in ast.parse(source).body:
        if not isinstance(line, ast.AnnAssign) or ast.unparse(line.annotation) not in _TYPES:
            raise ParameterError(
                f"Expected `name: type = value  # help` in the parameters cell of {stage}, found "
                f"{ast.unparse(line)!r}; types are {sorted(_TYPES)}."
            )
        name = ast.unparse(line.target)
        declared[name] = Declared(
            name,
            ast.unparse(line.annotation),
            ast.literal_eval(line.value),
            " ".join(comments[n] for n in range(line.lineno, line.end_lineno + 1) if n in comments),
        )
    return declared


def _parameters_source(stage: str) -> str:
    try:
        cells = json.loads(notebook_path(stage).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        raise ParameterError(
            f"Expected the notebook notebooks/{stage}.ipynb, found none that can be read; "
            "restore it."
        ) from None
    for cell in cells:
        if "parameters" in cell["metadata"].get("tags", []):
            return "".join(cell["source"])
    raise ParameterError(f"Expected a cell tagged `parameters` in {stage}.ipynb; add one.")


def read_params(path: str, overrides: list[str] | None = None) -> Params:
    """Read, check and resolve a params file.

    Parameters
    ----------
    path : str
        The YAML file.
    overrides : list of str, optional
        ``"<block>.<name>=<value>"`` each, read as YAML; they win over the file.

    Raises
    ------
    ParameterError
        On a missing or broken file, an unknown block or name, a wrong type or a bare date:
        one sentence that names the file, the place and the mend.
    """
    blocks = _read_blocks(path)
    for override in overrides or []:
        block, name, value = _read_override(override)
        blocks.setdefault(block, {})[name] = value
    declared = {stage: declared_parameters(stage) for stage in STAGES}
    _check_blocks(path, blocks, declared)
    stages = {stage: _resolve(path, stage, blocks, declared[stage]) for stage in STAGES}
    return Params(path, stages)


def write_params(params: Params, path: Path) -> None:
    """Write the resolved values, one block per stage; `read_params` reads them back."""
    text = yaml.safe_dump(params.stages, sort_keys=False, allow_unicode=True)
    path.write_text(f"# resolved from {params.file}\n{text}", encoding="utf-8")


def _read_blocks(path: str) -> dict[str, dict[str, Any]]:
    file = Path(path)
    if not file.is_file():
        raise ParameterError(f"Expected a params file at {path}, found none; check the path.")
    try:
        blocks = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe
    except UnicodeDecodeError:
        raise ParameterError(f"Expected UTF-8 text in {path}; save the file as UTF-8.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ParameterError(f"Expected YAML in {path}, but {_yaml_fault(error)}.") from None
    if not isinstance(blocks, dict) or not blocks:
        raise ParameterError(
            f"Expected blocks such as `run:` and `05_decide:` in {path}, found "
            f"{type(blocks).__name__}; see params/demo.yaml."
        )
    for name, block in blocks.items():
        if not isinstance(block, dict):
            raise ParameterError(
                f"Expected `name: value` lines under {name!r} in {path}, found {block!r}; "
                "indent the values below the block."
            )
    return blocks


def _yaml_fault(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    return f"{what} at line {mark.line + 1}" if mark else what


def _read_override(text: str) -> tuple[str, str, Any]:
    left, equals, right = text.partition("=")
    block, dot, name = left.strip().partition(".")
    if not (equals and dot and name):
        raise ParameterError(
            f"Expected --set BLOCK.NAME=VALUE, found {text!r}; such as 05_decide.seed=1."
        )
    try:
        return block, name, yaml.safe_load(right)
    except yaml.YAMLError:
        raise ParameterError(f"Expected a plain value in --set {text}; quote it.") from None


def _check_blocks(path: str, blocks: dict, declared: dict[str, dict[str, Declared]]) -> None:
    for name in blocks:
        if name != "run" and name not in STAGES:
            raise ParameterError(
                f"Expected the blocks `run` and {list(STAGES)} in {path}, found "
                f"{name!r}{_suggest(name, ['run', *STAGES])}."
            )
    known = {name for block in declared.values() for name in block}
    for name in blocks.get("run", {}):
        if name not in known:
            raise ParameterError(
                f"Expected under `run` in {path} a name that a notebook declares, found "
                f"{name!r}{_suggest(name, known)}."
            )


def _resolve(path: str, stage: str, blocks: dict, declared: dict[str, Declared]) -> dict[str, Any]:
    own = blocks.get(stage, {})
    for name in own:
        if name not in declared or name == "run_dir":
            raise ParameterError(
                f"Expected under `{stage}` in {path} one of {sorted(set(declared) - {'run_dir'})}, "
                f"found {name!r}{_suggest(name, declared)}."
            )
    shared = {name: v for name, v in blocks.get("run", {}).items() if name in declared}
    values = {line.name: line.default for line in declared.values()} | shared | own
    values.pop("run_dir", None)
    for name, value in values.items():
        _check_value(f"{stage}.{name} in {path}", value, declared[name])
    return values


def _check_value(place: str, value: Any, declared: Declared) -> None:
    if isinstance(value, dt.date):
        raise ParameterError(f"Expected a date in quotes for {place}; write '{value}' with quotes.")
    allowed = _TYPES[declared.type]
    items = value if declared.type.startswith("list") else [value]
    is_right = isinstance(items, list) and all(
        isinstance(item, allowed) and (bool in allowed or not isinstance(item, bool))
        for item in items
    )
    if not is_right:
        raise ParameterError(
            f"Expected {declared.type} for {place}, found {value!r}; {declared.help}."
        )
    if declared.name.endswith("_date"):
        _check_date(place, value)


def _check_date(place: str, value: str) -> None:
    try:
        parse_date(value)
    except ParameterError as error:
        raise ParameterError(f"{error} It is given for {place}.") from None


def _suggest(name: object, known: object) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; remove it"
