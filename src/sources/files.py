"""Files of a shop: found, looked into, and brought into reach as Parquet."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
import hashlib
import importlib.util
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import MarketingError, ParameterError, SourceError
from src.root import PROJECT_ROOT
from src.sources.config import Source
from src.sources.conversions import hold_folder
from src.sources.file_tables import common_schema, convert_files, peek_table
from src.sources.header import check_names
from src.sources.landed import Landed
from src.sources.origins import FileOrigin
from src.sources.unpacked import check_is_file, file_sha256

__all__ = ["file_format", "find_files", "land_files", "peek_files"]

_FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_PACKED = ("csv", "jsonl")
_WITH_TITLES = ("csv", "excel")


def find_files(path: str, source: Source, origin: FileOrigin) -> list[Path]:
    """List the files that an origin names, in the order of their names.

    Raises
    ------
    ParameterError
        If there is none, one of them is no file, or the package that should carry them is not
        installed.
    SourceError
        If one is a link to nothing.
    """
    is_parquet = origin.format in (None, "parquet")
    is_whole = "." in origin.path.rpartition("/")[2] or not is_parquet
    name = origin.path if is_whole else f"{origin.path}.parquet"
    folder = _folder(source)
    try:
        found = sorted(folder.glob(name))
    except (ValueError, NotImplementedError, IndexError):
        raise ParameterError(
            f"Expected the name of a file, or a pattern with * in it, in {path}, found {name!r}; "
            "correct it."
        ) from None
    if not found:
        raise ParameterError(
            f"Expected the file {name} that {path} names in {source.folder} of "
            f"{source.package or 'the project'}, found none; put it there or correct the name."
        )
    for file in found:
        check_is_file(path, file)
    return found


def file_format(path: str, origin: FileOrigin, files: list[Path]) -> str:
    """Tell the format of an origin's files by their endings, unless the origin says it.

    Raises
    ------
    ParameterError
        If an ending says nothing, is packed though its format packs itself, the files have
        several formats, or lines are to be skipped in one that has no lines.
    """
    formats = {file: origin.format or _FORMATS.get(_ending(file)) for file in files}
    for file, found in formats.items():
        if found is None:
            raise ParameterError(
                f"Expected a file that ends in one of {', '.join(_FORMATS)} in {path}, found "
                f"{file.name}; name it so, or add the field format."
            )
        if file.suffix.lower() == ".gz" and found not in _PACKED:
            raise ParameterError(
                f"Expected {file.name} that {path} names to be unpacked, found .gz; unpack it, "
                "its format is packed in itself."
            )
        if found != formats[files[0]]:
            raise ParameterError(
                f"Expected files of one format under {origin.path} of {path}, found "
                f"{files[0].name} and {file.name}; name them apart."
            )
    if origin.skip_lines and formats[files[0]] not in _WITH_TITLES:
        raise ParameterError(
            f"Expected skip_lines for text files of rows and workbooks alone, found it for "
            f"{origin.path} in {path}; take it out."
        )
    return formats[files[0]]


def peek_files(path: str, source: Source, origin: FileOrigin) -> pa.Schema:
    """Read the columns of an origin's files, for CSV and Parquet without reading their rows.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        The shop.
    origin : FileOrigin
        Which files.

    Returns
    -------
    pyarrow.Schema
        As `land_files` gives it, but for the column `_ragged`, which only reading finds.

    Raises
    ------
    ParameterError
        If a file is missing or is not of its format.
    SchemaError
        If the files do not have the same columns and types.
    SourceError
        If a file cannot be read.
    """
    files = find_files(path, source, origin)
    found = file_format(path, origin, files)
    if found == "parquet":
        return _parquet_schema(path, files)
    schemas = [peek_table(file, origin, found) for file in files]
    return common_schema(files, schemas, found)


def land_files(
    path: str,
    source: Source,
    origin: FileOrigin,
    folder: Path,
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> Landed:
    """Bring an origin's files into reach: Parquet stays where it is, all else is converted once.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        The shop.
    origin : FileOrigin
        Which files.
    folder : Path
        Where converted files are kept; what was kept for an earlier content is deleted.
    tell : callable
        Is told how many bytes have been read so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all. Parquet is read in place, whatever it holds.

    Returns
    -------
    Landed
        The columns of text files are texts as they are written, an empty field is null. Rows
        of a text file with more or fewer fields than its header are told in a column `_ragged`
        that is there only if such rows are.

    Raises
    ------
    ParameterError
        If a file is missing or is not of its format.
    SchemaError
        If the files do not have the same columns and types, or rows cannot be told apart.
    SourceError
        If a file cannot be read, changes while it is read, or unpacks beyond bounds.
    """
    files = find_files(path, source, origin)
    found = file_format(path, origin, files)
    with _unchanged(files):
        if found == "parquet":
            schema, landed = _parquet_schema(path, files), tuple(files)
            digests = _digests(files, tell)
        else:
            digests = _digests(files, lambda n: None)
            with hold_folder(folder):
                schema, landed = convert_files(files, origin, found, folder, digests, tell, columns)
    n_rows = [pq.read_metadata(file).num_rows for file in landed]
    _refuse_twins(path, files, digests, n_rows)
    return Landed(
        name=origin.path,
        location=_location(source, origin, files),
        files=landed,
        schema=schema,
        n_rows=sum(n_rows),
        n_bytes=sum(file.stat().st_size for file in files),
        sha256=digests[0] if len(digests) == 1 else _joined(digests),
        n_read=sum(n_rows),
    )


def _ending(file: Path) -> str:
    name = file.name.lower().removesuffix(".gz")
    return name[name.rfind(".") :] if "." in name else ""


def _folder(source: Source) -> Path:
    if source.package is None:
        return PROJECT_ROOT / source.folder
    spec = importlib.util.find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise ParameterError(
            f"Expected the Python package {source.package!r} for the source {source.name}, found "
            "none installed; install it or correct the field package."
        )
    return Path(spec.submodule_search_locations[0]) / source.folder


def _location(source: Source, origin: FileOrigin, files: list[Path]) -> str:
    """File name, or the pattern of several, below the last folder."""
    shop = source.package or source.name
    if len(files) > 1:
        return f"{shop}/{source.folder.rstrip('/').rpartition('/')[2]}/{origin.path}"
    return f"{shop}/{files[0].parent.name}/{files[0].name}"


def _digests(files: list[Path], tell: Callable[[int], None]) -> list[str]:
    digests, n_before = [], 0
    for file in files:
        digests.append(file_sha256(file, lambda n, before=n_before: tell(before + n)))
        n_before += file.stat().st_size
    return digests


def _joined(digests: list[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _refuse_twins(path: str, files: list[Path], digests: list[str], n_rows: list[int]) -> None:
    """Refuse two files of the same bytes, by which every row would count twice."""
    seen: dict[str, Path] = {}
    for file, digest, n in zip(files, digests, n_rows, strict=True):
        if n and digest in seen:
            raise SourceError(
                f"Expected every file that {path} names to differ, found the same bytes in "
                f"{seen[digest].name} and {file.name}; take one away."
            )
        seen[digest] = file


def _parquet_schema(path: str, files: list[Path]) -> pa.Schema:
    schemas = [_read_schema(path, file) for file in files]
    check_names(files[0], schemas[0].names)
    return common_schema(files, schemas, "parquet")


def _read_schema(path: str, file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError, ValueError):
        raise ParameterError(
            f"Expected Parquet in {file.name} that {path} names, found something else or a "
            "broken file; write it again as Parquet."
        ) from None


@contextmanager
def _unchanged(files: list[Path]) -> Iterator[None]:
    """See that nobody writes to the files meanwhile, which would explain whatever is found."""
    before = [_stamp(file) for file in files]
    try:
        yield
    except (MarketingError, UnicodeDecodeError):
        _check_stamps(files, before)
        raise
    _check_stamps(files, before)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _check_stamps(files: list[Path], before: list[tuple[int, int, int] | None]) -> None:
    for file, stamp in zip(files, before, strict=True):
        if _stamp(file) != stamp:
            raise SourceError(
                f"Expected {file.name} to stay as it is while it is read, found that it changed; "
                "wait until it is written, then try again."
            ) from None
