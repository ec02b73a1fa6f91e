"""Ibis' Spark backend where it means the same as DuckDB's; importing it imports pyspark."""

import math
from typing import Any

from ibis.backends.duckdb.converter import DuckDBPandasData
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkSchema
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.expr import datatypes as dt
from ibis.expr import operations as ops
from ibis.expr import schema as sch
from ibis.expr.types import Expr, Table
from ibis.formats.pyarrow import PyArrowData
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import TimestampType
import sqlglot.expressions as sge

__all__ = ["SparkBackend"]


class _Compiler(PySparkCompiler):
    """Says in Spark's SQL what Ibis' own compiler leaves to differ from DuckDB."""

    __slots__ = ()
    visit_IsNull = SQLGlotCompiler.visit_IsNull  # Ibis' own for Spark takes NaN for missing
    visit_NotNull = SQLGlotCompiler.visit_NotNull

    def visit_IsInf(self, op: ops.IsInf, *, arg: sge.Expression) -> sge.Expression:
        """Compare in SQL; Ibis compares the expressions themselves, so that nothing is infinite."""
        infinite = self.cast(sge.convert("Infinity"), dt.float64)
        return self.f.abs(self.cast(arg, dt.float64)).eq(infinite)

    def visit_Cast(self, op: ops.Cast, *, arg: sge.Expression, to: dt.DataType) -> sge.Expression:
        """Write the zone behind a moment, and nan and inf, as DuckDB does."""
        cast, source = super().visit_Cast(op, arg=arg, to=to), op.arg.dtype
        if to.is_string() and source.is_timestamp() and source.timezone is not None:
            return self.f.concat(cast, sge.convert("+00"))
        if to.is_string() and source.is_floating():
            return self.f.lower(self.f.replace(cast, sge.convert("Infinity"), sge.convert("inf")))
        return cast

    def visit_DefaultLiteral(
        self, op: ops.Literal, *, value: Any, dtype: dt.DataType
    ) -> sge.Expression:
        """Give fractions the type they have: Spark takes 1.0 for a decimal number."""
        literal = super().visit_DefaultLiteral(op, value=value, dtype=dtype)
        is_fraction = dtype.is_floating() and math.isfinite(value)
        return self.cast(literal, dtype) if is_fraction else literal

    def visit_Hash(self, op: ops.Hash, *, arg: sge.Expression) -> sge.Expression:
        """Hash a record and its names to 64 bits; Spark's own has 32 and passes over nulls."""
        return self.f.anon.xxhash64(self.f.anon.to_json(arg))

    def visit_Strip(self, op: ops.Strip, *, arg: sge.Expression) -> sge.Expression:
        """Name white space by its codes: Spark takes two that Ibis writes for letters v and f."""
        blanks = self.f.concat(sge.convert(" "), *(self.f.anon.char(n) for n in range(9, 14)))
        return self.f.anon.btrim(arg, blanks)


class SparkBackend(Backend):
    """Spark behind Ibis, with times in UTC known as such."""

    compiler = _Compiler()

    def get_schema(self, table_name: str, **kwargs: Any) -> sch.Schema:
        """Types of a table's columns; Ibis alone would forget the zone of times."""
        return _in_utc(super().get_schema(table_name, **kwargs), self._session.table(table_name))

    def _get_schema_using_query(self, query: str) -> sch.Schema:
        return _in_utc(super()._get_schema_using_query(query), self.raw_sql(query))

    def to_pyarrow(self, expr: Expr, /, **options: Any) -> pa.Table:
        """Rows as Arrow; Ibis alone would go through pandas, and lose times before 1677."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        found = self.raw_sql(self.compile(table, **options)).toArrow()
        return expr.__pyarrow_result__(PyArrowData.convert_table(found, table.schema()))

    def execute(self, expr: Expr, /, **options: Any) -> pd.DataFrame | pd.Series | Any:
        """Rows, column or value as pandas, in the very types that DuckDB gives."""
        table = expr.as_table()
        found = self.to_pyarrow(table, **options)
        columns = {
            name: column.to_pylist() if column.null_count else column.to_pandas()
            for name, column in zip(found.column_names, found.columns, strict=True)
        }
        frame = DuckDBPandasData.convert_table(pd.DataFrame(columns), table.schema())
        return expr.__pandas_result__(frame)

    def typed_rows(self, table: Table) -> DataFrame:
        """Rows in the types that Ibis says they have: Spark numbers rows by smaller integers."""
        self._run_pre_execute_hooks(table)
        rows = self.raw_sql(self.compile(table))
        kinds = PySparkSchema.from_ibis(table.schema())
        return rows.withColumns(
            {
                kind.name: rows[f"`{kind.name}`"].cast(kind.dataType)
                for kind in kinds
                if rows.schema[kind.name].dataType != kind.dataType
            }
        )

    def _create_cached_table(self, name: str, expr: Table) -> Table:
        """Keep rows in their Ibis types; Ibis alone would keep Spark's, and forget frames."""
        rows = self.typed_rows(expr).cache()
        rows.createTempView(name)
        self._cached_dataframes[name] = rows
        return self.table(name)

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        rows = op.data.to_pyarrow(op.schema)
        self._session.createDataFrame(rows).createOrReplaceTempView(op.name)


def _in_utc(schema: sch.Schema, rows: DataFrame) -> sch.Schema:
    moments = {f.name for f in rows.schema if isinstance(f.dataType, TimestampType)}
    utc = dt.Timestamp(timezone="UTC")
    return sch.Schema({n: utc if n in moments else kind for n, kind in schema.items()})
