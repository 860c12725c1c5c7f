"""Reading: from a path to something that can be called; what is read is run behind a fence and in a child process."""
