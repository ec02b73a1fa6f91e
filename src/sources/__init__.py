"""Where a shop's data comes from: source files, and what they name brought into reach."""
