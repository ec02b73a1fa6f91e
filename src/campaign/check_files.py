"""Word lists and limits of the checks: files that a marketer or a lawyer keeps, read once."""

from functools import lru_cache

import yaml

from src.errors import ParameterError
from src.root import PROJECT_ROOT

__all__ = ["CHECKS_PATH", "read_check_file"]

CHECKS_PATH = PROJECT_ROOT / "params" / "checks"


@lru_cache(maxsize=32)
def read_check_file(name: str) -> dict:
    """Read a file of `params/checks`, a mapping.

    Raises
    ------
    ParameterError
        If it is missing, no YAML, or no mapping.
    """
    path = CHECKS_PATH / name
    if not path.is_file():
        raise ParameterError(f"Expected params/checks/{name}, found none; write it.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise ParameterError(
            f"Expected YAML in params/checks/{name}, found an error{place}."
        ) from None
    if not isinstance(content, dict):
        raise ParameterError(f"Expected a mapping in params/checks/{name}, found something else.")
    return content
