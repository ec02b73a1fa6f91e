"""The report of a run: pages that people read, from its record, results and notebooks."""

from src.report.build import build_report

__all__ = ["build_report"]
