"""Place: in which line of somebody's code a mistake stands."""
