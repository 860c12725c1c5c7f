"""Puts this folder on the path, so that the tests below it share the table of cases in `core_cases.py`."""
