"""Pictures of products and campaigns: colours, contents, text; tags, interests and checks."""

from src.features.images.colors import contrast_ratio, find_colors
from src.features.images.contents import cosine_similarity, find_most_similar, read_contents
from src.features.images.creatives import CreativeLimits, check_creative, measure_creative
from src.features.images.interests import build_picture_interests
from src.features.images.products import (
    build_picture_tags,
    build_product_pictures,
    find_pictures,
)
from src.features.images.reading import read_picture
from src.features.images.readings import find_parts, read_readings
from src.features.images.sharpness import estimate_sharpness
from src.features.images.shop import ShopPictures, describe_pictures, look_at_products
from src.features.images.words import read_text

__all__ = [
    "CreativeLimits",
    "ShopPictures",
    "build_picture_interests",
    "build_picture_tags",
    "build_product_pictures",
    "check_creative",
    "contrast_ratio",
    "cosine_similarity",
    "describe_pictures",
    "estimate_sharpness",
    "find_colors",
    "find_most_similar",
    "find_parts",
    "find_pictures",
    "look_at_products",
    "measure_creative",
    "read_contents",
    "read_picture",
    "read_readings",
    "read_text",
]
