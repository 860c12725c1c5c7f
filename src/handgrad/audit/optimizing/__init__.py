"""What an optimizer does, held against the definitions of those that people write: by its steps, not by its name."""
