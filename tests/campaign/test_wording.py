import pytest

from src.campaign.wording import Wording, name_department, name_product, read_wording, readable
from src.errors import ParameterError


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ICE - CRUSHED/CUBED", "Ice, crushed or cubed"),
        ("BREAD:ITALIAN/FRENCH", "Bread, Italian or French"),
        ("PAPER TOWELS & HOLDERS", "Paper towels and holders"),
        ("PUDDING&GELATIN", "Pudding and gelatin"),
        ("GARLIC (BULK&BAG)", "Garlic"),
        ("CANDY BARS (SINGLES)(INCLUDING", "Candy bars"),
        ("FRZN FRENCH FRIES", "Frozen French fries"),
        ("HOT DOG BUNS", "Hot dog buns"),
        ("<b>MILK</b>", "B milk or b"),
        ("MILK {{ X }}", "Milk x"),
        ("SAND & SOIL", "Sand and soil"),
        ("⟦first_name⟧", "First_name"),
        ("MILK\r\nBCC: X", "Milk bcc, x"),
        ("WWW.EVIL.EXAMPLE", "Www evil example"),
        ("-- / &", None),
        ("", None),
    ],
)
def test_codes_become_words(code, expected):
    rules = Wording(proper_nouns=("Italian", "French"), abbreviations={"FRZN": "frozen"})
    assert readable(code, rules) == expected


@pytest.mark.parametrize(
    ("department", "category", "product_type", "expected"),
    [
        ("GROCERY", "FRZN ICE", "ICE - CRUSHED/CUBED", "Ice, crushed or cubed"),
        (
            "GROCERY",
            "BAKED BREAD/BUNS/ROLLS",
            "MAINSTREAM WHEAT/MULTIGRAIN BR",
            "Wheat and multigrain bread",
        ),
        ("MEAT", "BEEF", "PRIMAL", "Beef"),  # the type says nothing alone
        ("GROCERY", "CHEESE", None, "Cheese"),
        (
            "GROCERY",
            "CANNED JUICES",
            "VEG JUICE (EXCEPT TOMATO) (OVE",
            "Juice",
        ),  # cut by the source
        ("GROCERY", "UNHEARD OF", "GRMPF XYZ", "Unheard of"),  # no vowels, so a code
        ("DRUG GM", "CIGARETTES", "CIGARETTES", None),
        ("GROCERY", "BEERS/ALES", "BEERALEMALT LIQUORS", None),
        ("DRUG GM", "FAMILY PLANNING", "ANYTHING", None),
        ("SPIRITS", "TEAS", "TEA BAGS", None),  # a hidden department hides what is in it
        ("MISCELLANEOUS", None, None, None),
        (None, None, None, None),
        (float("nan"), float("nan"), float("nan"), None),
    ],
)
def test_products_are_named_or_left_out(wording, department, category, product_type, expected):
    assert name_product(department, category, product_type, wording) == expected


def test_hidden_things_have_no_name_in_the_shipped_table(wording):
    for category in ("CIGARETTES", "LIQUOR", "FEMININE HYGIENE", "ANALGESICS", "INFANT FORMULA"):
        assert name_product("DRUG GM", category, "ANYTHING GOES", wording) is None


def test_departments_are_named_or_left_out(wording):
    assert name_department("MEAT-PCKGD", wording) == "packaged meat"
    assert name_department("FUEL", wording) is None
    assert name_department("PET WORLD", wording) == "pet world"
    assert name_department(None, wording) is None


def test_names_in_the_shipped_table_are_short_words_without_numbers(wording):
    names = [*wording.product_types.values(), *wording.categories.values()]
    for name in filter(None, names):
        assert len(name) <= 48, name
        assert not any(sign.isdigit() or sign in "<>{}%$" for sign in name), name


def test_without_a_table_general_rules_apply():
    rules = read_wording("")
    assert name_product("Toys", "Dolls", "Wooden dolls", rules) == "Wooden dolls"
    assert name_department("Toys", rules) == "toys"


def test_missing_wording_file_is_named():
    with pytest.raises(ParameterError, match=r"params/nothing\.yaml"):
        read_wording("params/nothing.yaml")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("departmnts: {A: b}", "departmnts"),
        ("departments: [a]", "departments"),
        ("a: b: c", "line 1"),
    ],
)
def test_broken_wording_file_is_refused(tmp_path, text, match):
    path = tmp_path / "w.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=match):
        read_wording(str(path))


@pytest.mark.parametrize(
    ("code", "name"), [("绿茶", "绿茶"), ("米", "米"), ("AB", None), ("·", None)]
)
def test_a_chinese_word_of_one_or_two_signs_is_a_name(code, name):
    assert readable(code, Wording()) == name
