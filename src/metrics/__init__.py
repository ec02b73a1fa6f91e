"""Arrays in, numbers out: classification, intervals, uplift."""
