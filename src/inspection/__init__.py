"""A look at a source before anything runs: what it would give, and a first draft of its file."""
