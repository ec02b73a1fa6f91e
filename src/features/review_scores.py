"""What a review may be about: the aspects that its score tells apart."""

__all__ = ["ASPECTS"]

ASPECTS = ("delivery", "price", "quality", "service")
"""Each has a flag ``is_about_<aspect>`` in the table `review_scores`."""
