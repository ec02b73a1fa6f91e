import numpy as np
import pandas as pd
from PIL import Image
import pytest

from src.data.tables import table_contract
from src.errors import ParameterError
from src.features.images.products import (
    build_picture_tags,
    build_product_pictures,
    find_pictures,
)
from src.features.images.readings import read_readings


def products(**image_urls):
    return pd.DataFrame({"product_id": list(image_urls), "image_url": list(image_urls.values())})


@pytest.fixture
def folder(tmp_path):
    """Folder of pictures, beside a secret."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name in ("milk.PNG", "tea.png", "tea.jpg", "sub/bread.png", "../secret.png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    (folder / "notes.txt").touch()
    (folder / "oil.png").mkdir()
    return folder


def names(found, folder):
    return {product_id: str(path.relative_to(folder)) for product_id, path in found.items()}


def test_a_file_named_after_the_product_is_its_picture(folder):
    found = find_pictures(products(milk=None, tea=None, notes=None, oil=None, none=None), folder)
    assert names(found, folder) == {"milk": "milk.PNG", "tea": "tea.jpg"}


def test_image_url_comes_first_if_it_names_a_file(folder):
    found = find_pictures(products(milk="sub/bread.png", tea=" tea.png ", x="gone.png"), folder)
    assert names(found, folder) == {"milk": "sub/bread.png", "tea": "tea.png", "x": "gone.png"}


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/milk.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "../secret.png",
        "sub/../../secret.png",
        "/etc/passwd",
        "a\0.png",
        "",
        np.nan,
    ],
    ids=str,
)
def test_a_url_leads_nowhere_outside_the_folder(folder, url):
    assert find_pictures(products(x=url), folder) == {}
    assert names(find_pictures(products(milk=url), folder), folder) == {"milk": "milk.PNG"}


def test_a_link_out_of_the_folder_is_not_followed(folder):
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    assert find_pictures(products(link=None, x="link.png"), folder) == {}


def test_products_need_no_column_of_addresses(folder):
    found = find_pictures(pd.DataFrame({"product_id": ["milk"]}), folder)
    assert names(found, folder) == {"milk": "milk.PNG"}


def test_a_missing_folder_is_a_wrong_parameter(tmp_path):
    with pytest.raises(ParameterError, match="Expected a folder of product pictures"):
        find_pictures(products(milk=None), tmp_path / "gone")


READINGS = pd.DataFrame(
    {
        "product_id": ["a", "b", "c"],
        "picture": ["a.png", "b.png", "c.png"],
        "refusal": [None, None, "Expected a picture."],
        "width": [640.0, 32.0, np.nan],
        "height": [480.0, 32.0, np.nan],
        "n_bytes": [9000.0, 100.0, np.nan],
        "sharpness": [0.02, 0.0, np.nan],
        "colors": [
            [
                {"name": "white", "share": 0.35},
                {"name": "red", "share": 0.25},
                {"name": "white", "share": 0.2},
                {"name": "blue", "share": 0.08},
                {"name": "red", "share": 0.05},
                {"name": "green", "share": 0.04},
                {"name": "blue", "share": 0.03},
            ],
            [{"name": "orange", "share": 1.0}],
            np.nan,
        ],
        "labels": [
            [{"name": "sports car", "p": 0.5}, {"name": "bee", "p": 0.3}, {"name": "x", "p": 0.2}],
            [{"name": "orange", "p": 0.29}],
            np.nan,
        ],
        "lines": [[{"text": "SALE"}, {"text": "20% OFF"}], [], np.nan],
    }
)


def test_labels_and_colors_pass_a_gate():
    pictures = build_product_pictures(READINGS)
    assert pictures["product_id"].tolist() == ["a", "b", "c"]
    # white .55, red .30, blue .11 in two shades, green .04: below a tenth
    assert pictures["colors"].tolist()[:2] == ["white; red; blue", "orange"]
    assert pictures["contents"].tolist()[0] == "sports car; bee"
    assert pictures["text"].tolist()[0] == "SALE\n20% OFF"
    assert pictures["has_text"].tolist()[:2] == [True, False]
    assert pictures.loc[1, ["contents", "text"]].isna().all()
    assert pictures["width"].tolist()[:2] == [640, 32]


def test_the_gates_can_be_moved():
    pictures = build_product_pictures(READINGS, min_label_p=0.5, min_color_share=0.4)
    assert (pictures["contents"][0], pictures["colors"][0]) == ("sports car", "white")


def test_a_refused_picture_is_told_and_empty():
    row = build_product_pictures(READINGS).loc[2]
    assert row["refusal"] == "Expected a picture."
    assert row.drop(["product_id", "picture", "refusal"]).isna().all()


def test_tags_say_of_what_kind_they_are():
    tags = build_picture_tags(build_product_pictures(READINGS))
    assert list(tags.itertuples(index=False, name=None)) == [
        ("a", "color: white"),
        ("a", "color: red"),
        ("a", "color: blue"),
        ("a", "shows: sports car"),
        ("a", "shows: bee"),
        ("a", "has text"),
        ("b", "color: orange"),
    ]


def test_tables_keep_their_contracts(n_rows):
    pictures = build_product_pictures(READINGS)
    assert n_rows(table_contract("product_pictures"), pictures) == 3
    assert n_rows(table_contract("picture_tags"), build_picture_tags(pictures)) == 7


def test_tables_of_nothing_keep_their_contracts(n_rows, tmp_path):
    pictures = build_product_pictures(read_readings({}, tmp_path, ()))
    assert n_rows(table_contract("product_pictures"), pictures) == 0
    assert n_rows(table_contract("picture_tags"), build_picture_tags(pictures)) == 0


def test_a_folder_of_files_becomes_tags(n_rows, folder, tmp_path):
    (folder / "torn.png").write_bytes(b"\x89PNG")
    found = find_pictures(products(milk=None, torn=None, bread="sub/bread.png"), folder)
    pictures = build_product_pictures(read_readings(found, tmp_path / "cache", ()))
    assert n_rows(table_contract("product_pictures"), pictures) == 3
    assert build_picture_tags(pictures).to_numpy().tolist() == [
        ["milk", "color: black"],
        ["bread", "color: black"],
    ]


@pytest.mark.usefixtures("vision")
def test_photographs_are_tagged_with_what_they_show(n_rows, photos, tmp_path):
    pictures = build_product_pictures(read_readings(photos, tmp_path / "cache"))
    assert n_rows(table_contract("product_pictures"), pictures) == 2
    assert pictures["contents"].tolist() == ["palace", "daisy"]
    assert pictures["has_text"].tolist() == [False, False]
