"""Online Retail in databases."""

from pathlib import Path

import duckdb
import sqlalchemy as sa

_TABLE = (
    "CREATE TABLE {} ({q}InvoiceNo{q} VARCHAR(10), {q}StockCode{q} VARCHAR(20), {q}Description{q} "
    "VARCHAR(100), {q}Quantity{q} INT, {q}InvoiceDate{q} {time}, {q}UnitPrice{q} NUMERIC(12, 3), "
    "{q}CustomerID{q} VARCHAR(10), {q}Country{q} VARCHAR(40))"
)


def fill_retail(engine: sa.Engine, name: str, file: Path, csv: Path) -> None:
    """Write the file into a new table, by the server's own way of reading text."""
    quote, time = ('"', "TIMESTAMP") if engine.dialect.name == "postgresql" else ("`", "DATETIME")
    with engine.begin() as connection:
        connection.execute(sa.text(_TABLE.format(name, q=quote, time=time)))
    duckdb.sql(f"COPY (FROM '{file}') TO '{csv}' (HEADER false, NULLSTR 'NULL', ESCAPE '\"')")
    raw = engine.raw_connection()
    if engine.dialect.name == "postgresql":
        with raw.cursor().copy(f"COPY {name} FROM STDIN WITH (FORMAT csv, NULL 'NULL')") as copy:
            copy.write(csv.read_bytes())
    else:
        raw.cursor().execute(
            f"LOAD DATA LOCAL INFILE '{csv}' INTO TABLE {name} CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
            "LINES TERMINATED BY '\\n'"
        )
    raw.commit()
    raw.close()
