"""Statistics over records: agreement among raters, alignment of methods with raters, the report."""

__all__: list[str] = []
