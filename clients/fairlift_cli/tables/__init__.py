"""Results as tables for spreadsheets and programs: one row for each figure."""

from fairlift_cli.tables.figure_rows import COLUMNS, figure_rows
from fairlift_cli.tables.table_files import TABLE_FORMATS, table_content

__all__ = ["COLUMNS", "TABLE_FORMATS", "figure_rows", "table_content"]
