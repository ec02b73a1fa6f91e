"""What a message says and looks like: templates, merge values, rendering and checks."""
