"""Explaining a network in a file of somebody's own: what the audit recognised in it, told with the file's lines."""
