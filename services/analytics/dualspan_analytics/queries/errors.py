"""What a query can have wrong."""

from dualspan_runtime.errors import InvalidArgument, ResourceExhausted


def column_count(given: int, most: int) -> InvalidArgument:
    """No columns, or too many."""
    return InvalidArgument("COLUMN_COUNT", f"Ask for 1 to {most} columns; this query has {given}.", given=str(given))


def title_repeated(title: str) -> InvalidArgument:
    """Two columns of one name."""
    words = f"Two columns are called {title[:200]!r}. Give one of them another title."
    return InvalidArgument("TITLE_REPEATED", words, title=title[:200])


def malformed(field: str, words: str) -> InvalidArgument:
    """A field that makes no sense."""
    return InvalidArgument("INVALID_QUERY", f"{field}: {words}", field=field)


def interval_required(title: str) -> InvalidArgument:
    """An aggregate without intervals."""
    words = f"The column {title!r} asks for an aggregate, which is computed over intervals. Set `interval`."
    return InvalidArgument("INTERVAL_REQUIRED", words, column=title)


def rows_need_samples(title: str) -> InvalidArgument:
    """Rows are to be the samples of a column that is an aggregate."""
    words = f"The column {title!r} is an aggregate and has no samples of its own to make rows of."
    return InvalidArgument("ROWS_OF_AGGREGATE", words, column=title)


def not_numeric(title: str, what: str) -> InvalidArgument:
    """Arithmetic was asked of text or booleans."""
    words = f"The column {title!r} has no numbers, so {what}. Ask for it as it is, with the join LAST or NEAREST."
    return InvalidArgument("NOT_NUMERIC", words, column=title)


def table_too_large(rows: int, columns: int, most: int) -> ResourceExhausted:
    """Too many rows times columns."""
    words = (
        f"The table would have {rows} rows x {columns} columns, {rows * columns} cells; {most} are allowed. "
        "Ask for a shorter time, longer intervals or fewer columns."
    )
    return ResourceExhausted("TABLE_TOO_LARGE", words, rows=str(rows), columns=str(columns), most=str(most))


def texts_too_large(title: str, size: int, most: int) -> ResourceExhausted:
    """The texts of a column would fill the memory."""
    words = (
        f"The texts of the column {title!r} would take {size // 1_000_000} MB, {most // 1_000_000} MB are allowed for "
        "all columns. Ask for a shorter time, longer intervals or other columns."
    )
    return ResourceExhausted("TABLE_TOO_LARGE", words, column=title, most=str(most))


def workbook_too_large(rows: int, columns: int, most_rows: int, most_cells: int) -> ResourceExhausted:
    """More than a workbook can hold, or than one should be asked to open."""
    words = (
        f"A workbook holds {most_rows} rows and is written up to {most_cells} cells; this table has {rows} rows x "
        f"{columns} columns. Ask for CSV or Arrow, or for less."
    )
    return ResourceExhausted("WORKBOOK_TOO_LARGE", words, rows=str(rows), columns=str(columns))
