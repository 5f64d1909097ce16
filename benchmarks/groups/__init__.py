"""One module for each table of the page: `rows(chosen)` measures it."""
