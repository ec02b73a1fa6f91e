"""An executed notebook as the inside of a page: prose and outputs first, code on demand."""

from dataclasses import dataclass
from pathlib import Path
import re
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.exporters.html import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
import nbformat
from nbformat import NotebookNode

from src.report.clean import clean_html
from src.report.formulas import render_formula

__all__ = ["NotebookPage", "NotebookRenderer"]

_TEMPLATES = Path(__file__).parent / "templates"
_TITLE = re.compile(r"\A\s*#\s+(?P<title>[^\n]+)\n?")
_QUOTE = re.compile(r"^>[^\n]*(?:\n>[^\n]*)*", re.MULTILINE)
_CHECK = re.compile(r"^\s*assert\b", re.MULTILINE)
_SECTION = re.compile(r"^#{2,}\s+(.+)$", re.MULTILINE)
_OPEN, _SHUT = "\ue000", "\ue001"
"""Private characters around the number of a formula while its text is cleaned."""

_ASIDE = re.compile(f"{_OPEN}(\\d+){_SHUT}")
_MARK_UP = re.compile("<[^>]*>")

_SHOWN_FIRST = [
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/plain",
]
_ADDED_BY_RUNNER = {"papermill-error-cell-tag"}


@dataclass(frozen=True)
class NotebookPage:
    """What a page shows of a notebook.

    Parameters
    ----------
    title : str
        First heading, plain text; empty if it has none.
    purpose : str
        First blockquote, plain text with its marks.
    about, body : str
        Safe HTML of what else the first cell says, and of all other cells.
    error : str
        Last line of the error that stopped it; empty if none did.
    """

    title: str
    purpose: str
    about: str
    body: str
    error: str


class NotebookRenderer:
    """Turns notebooks into pages; set up once, since that costs more than a page."""

    def __init__(self) -> None:
        self._exporter = _BodyExporter(
            extra_template_basedirs=[str(_TEMPLATES)],
            template_name="cells",
            config={"NbConvertBase": {"display_data_priority": _SHOWN_FIRST}},
        )
        for name, filter_ in {
            "highlight_code": Highlight2HTML(pygments_lexer="ipython3", parent=self._exporter),
            "n_checks": _count_checks,
            "prose": _prose,
            "safe_html": clean_html,
        }.items():
            self._exporter.register_filter(name, filter_)

    def render(self, path: Path) -> NotebookPage:
        """Render one executed notebook.

        Parameters
        ----------
        path : Path
            The notebook; it is not changed.

        Raises
        ------
        ValueError
            If the file is no notebook.
        """
        notebook = _read(path)
        first = notebook.cells[0] if notebook.cells else None
        title, purpose, about = "", "", ""
        if first is not None and first.cell_type == "markdown":
            title, purpose, about = split_first_cell(first.source)
            notebook.cells = notebook.cells[1:]
        error = _cut_at_error(notebook)
        _name_figures(notebook, title)
        body, _ = self._exporter.from_notebook_node(notebook)
        return NotebookPage(
            title=title,
            purpose=render_prose(purpose).removeprefix("<p>").removesuffix("</p>"),
            about=render_prose(about),
            body=body,
            error=error,
        )


class _BodyExporter(HTMLExporter):
    """Leaves out the second parse of the whole page, which our template has no use for."""

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        return TemplateExporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)


def split_first_cell(source: str) -> tuple[str, str, str]:
    r"""Part the first cell into title, purpose and the rest.

    Examples
    --------
    >>> split_first_cell("# 03 · Tag\n\n> Describe\n> each.\n\nReads orders.")
    ('03 · Tag', 'Describe each.', 'Reads orders.')
    """
    found = _TITLE.match(source)
    title = found["title"].strip() if found else ""
    rest = source[found.end() :] if found else source
    quote = _QUOTE.search(rest)
    if quote is None:
        return title, "", rest.strip()
    purpose = " ".join(line.removeprefix(">").strip() for line in quote[0].splitlines())
    return title, purpose.strip(), (rest[: quote.start()] + rest[quote.end() :]).strip()


def render_prose(source: str, attachments: dict[str, Any] | None = None) -> str:
    """Render Markdown with formulas as safe HTML.

    Formulas stand aside while the text is cleaned, so that nothing but what
    `render_formula` made comes back as MathML.
    """
    renderer = _ProseRenderer(attachments)
    source = source.replace(_OPEN, "").replace(_SHUT, "")
    markup = clean_html(MarkdownWithMath(renderer=renderer).render(source)).strip()
    markup = _MARK_UP.sub(lambda tag: _ASIDE.sub("", tag[0]), markup)  # never within an attribute
    return _ASIDE.sub(lambda found: renderer.formulas[int(found[1])], markup)


@pass_context
def _prose(context: Context, source: str) -> str:
    return render_prose(source, context.get("cell", {}).get("attachments"))


def _count_checks(cell: NotebookNode) -> int:
    """Count the asserts of a cell that was run and held."""
    has_failed = any(output.output_type == "error" for output in cell.outputs)
    if has_failed or cell.execution_count is None:
        return 0
    return len(_CHECK.findall(cell.source))


class _ProseRenderer(IPythonRenderer):
    """Markdown without anchors; formulas are put aside."""

    def __init__(self, attachments: dict[str, Any] | None = None) -> None:
        super().__init__(escape=False, exclude_anchor_links=True, attachments=attachments)
        self.formulas: list[str] = []

    def inline_math(self, body: str) -> str:
        return self._put_aside(body, "inline")

    def block_math(self, body: str) -> str:
        return self._put_aside(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return self._put_aside(f"\\begin{{{name}}}{body}\\end{{{name}}}", "block")

    def _put_aside(self, body: str, display: str) -> str:
        formula = render_formula(body, display)
        if display == "block":
            formula = f'<span class="formula" tabindex="0">{formula}</span>'
        self.formulas.append(formula)
        return f"{_OPEN}{len(self.formulas) - 1}{_SHUT}"


def _read(path: Path) -> NotebookNode:
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except (AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise ValueError(f"no notebook, {str(error).splitlines()[0]}") from error
    notebook.cells = [
        cell
        for cell in notebook.cells
        if not _ADDED_BY_RUNNER.intersection(cell.metadata.get("tags", ()))
    ]
    return notebook


def _name_figures(notebook: NotebookNode, title: str) -> None:
    """Give every figure the heading above it as its text for those who do not see it."""
    section = title
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = ([section, *_SECTION.findall(cell.source)])[-1]
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                metadata = output.metadata.setdefault("image/png", NotebookNode())
                metadata.setdefault("alt", f"Figure: {section}")


def _cut_at_error(notebook: NotebookNode) -> str:
    """Drop what was not run after an error, and name the error; empty if there is none."""
    for place, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                notebook.cells = notebook.cells[: place + 1]
                return f"{output.ename}: {output.evalue}"
    return ""
