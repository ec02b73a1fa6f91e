"""The report of a run, its card, and the page of all campaigns: what people read."""

from src.report.build import build_report
from src.report.dashboard import build_dashboard
from src.report.exports import export_lift

__all__ = ["build_dashboard", "build_report", "export_lift"]
