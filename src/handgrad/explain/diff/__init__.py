"""Two networks side by side: somebody's and ours, number by number, up to what rounding can do."""
