"""The journal as a Parquet file, with pyarrow."""

from tekana_pyarrow.parquet_form import write_parquet

__all__ = ["write_parquet"]
