"""The traces of small nets that several tests read."""
