"""Samples as Parquet files: what is written, where it stands, what is due."""
