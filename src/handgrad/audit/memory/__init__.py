"""Memory: the audit of objects that are there already; they are read, run as copies, and put back as they were."""
