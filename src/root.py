"""Where the project lies. Apart from `stage`, for what needs no tables loads in half the time."""

from pathlib import Path

__all__ = ["PROJECT_ROOT"]

PROJECT_ROOT = Path(__file__).resolve().parents[1]
