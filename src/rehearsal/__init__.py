"""A shop with known truth: invented people, and customers who answer by a known law."""
