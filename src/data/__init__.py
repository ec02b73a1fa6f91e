"""Sources, cleaning and table contracts."""
