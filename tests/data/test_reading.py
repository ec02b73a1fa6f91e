import datetime as dt
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import ibis
import pandas as pd
import pytest

from src.data.reading import (
    is_missing_text,
    read_clock,
    read_flag,
    read_number,
    read_offset,
    without_missing,
)
from src.engine import connect

MOMENT = pd.Timestamp("2024-03-01 14:05:09", tz="UTC")
DAY = pd.Timestamp("2024-03-01", tz="UTC")
few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def engine():
    return connect()


@pytest.fixture(scope="module")
def read(engine):
    """Read texts by a function of a column; gives a list, missing values as None."""

    def apply(texts, reader, type_="string"):
        rows = ibis.memtable({"row": list(range(len(texts))), "text": texts}, schema={
            "row": "int64", "text": type_
        })  # fmt: skip
        found = rows.mutate(found=reader(rows["text"])).order_by("row")
        values = engine.to_pyarrow(found)["found"].to_pylist()
        return [pd.Timestamp(v) if isinstance(v, dt.datetime) else v for v in values]

    return apply


TIMES = {  # text | forms | what it means
    "iso date": ("2024-03-01", ["iso"], DAY),
    "iso with slashes": ("2024/3/1", ["iso"], DAY),
    "iso with a T": ("2024-03-01T14:05:09", ["iso"], MOMENT),
    "iso in UTC": ("2024-03-01T14:05:09Z", ["iso"], MOMENT),
    "iso ahead of UTC": ("2024-03-01 16:05:09+02:00", ["iso"], MOMENT),
    "iso behind UTC": ("2024-03-01 09:35:09 -0430", ["iso"], MOMENT),
    "iso with parts of a second": (
        "2024-03-01 14:05:09.123456789",
        ["iso"],
        MOMENT + pd.Timedelta(microseconds=123456),
    ),
    "day first": ("01.03.2024", ["dmy"], DAY),
    "day first without zeros": ("1/3/2024 14:05:09", ["dmy"], MOMENT),
    "month first": ("03/01/2024 02:05:09 PM", ["mdy"], MOMENT),
    "midnight in halves": ("3/1/2024 12:00 am", ["mdy"], DAY),
    "noon in halves": ("3/1/2024 12:00 pm", ["mdy"], DAY + pd.Timedelta(hours=12)),
    "digits only": ("20240301", ["ymd"], DAY),
    "seconds of the epoch": ("1709301909", ["unix"], MOMENT),
    "milliseconds of the epoch": ("1709301909000", ["unix_ms"], MOMENT),
    "second form": ("01.03.2024", ["iso", "dmy"], DAY),
    "blanks around": ("  2024-03-01 ", ["iso"], DAY),
    "leap day": ("29.02.2024", ["dmy"], pd.Timestamp("2024-02-29", tz="UTC")),
    "no leap day": ("29.02.2023", ["dmy"], None),
    "century without leap day": ("1900-02-29", ["iso"], None),
    "31 April": ("2024-04-31", ["iso"], None),
    "month 13": ("2024-13-01", ["iso"], None),
    "day first read as month first": ("31.12.2024", ["mdy"], None),
    "hour 24": ("2024-03-01 24:00", ["iso"], None),
    "hour 13 in halves": ("3/1/2024 13:00 pm", ["mdy"], None),
    "minute 60": ("2024-03-01 10:60", ["iso"], None),
    "year of two digits": ("01.03.24", ["dmy"], None),
    "year 0": ("0000-01-01", ["iso"], None),
    "words": ("yesterday", ["iso", "dmy", "mdy", "ymd", "unix", "unix_ms"], None),
    "date and rubbish": ("2024-03-01 foo", ["iso"], None),
    "a line break after": ("2024-03-01\nDROP", ["iso"], None),
    "form not asked for": ("20240301", ["iso"], None),
    "blank": (" ", ["iso"], None),
}


def read_time(column, forms):
    """Moment in UTC, as a shop in that zone means it."""
    minutes = read_offset(column, forms).fill_null(0)
    return (read_clock(column, forms) - minutes.as_interval("m")).cast("timestamp('UTC')")


@pytest.mark.parametrize(("text", "forms", "meant"), TIMES.values(), ids=TIMES)
def test_a_time_is_read_in_the_forms_asked_for(read, text, forms, meant):
    assert read([text], lambda column: read_time(column, forms)) == [meant]


OFFSETS = {
    "none": ("2024-07-01 12:00", None),
    "UTC": ("2024-07-01 12:00Z", 0),
    "ahead": ("2024-07-01 12:00:01+02:00", 120),
    "behind": ("2024-07-01 12:00:01.5 -0430", -270),
    "a year behind a dash is none": ("1-3-2024", None),
    "a date alone": ("2024-03-01", None),
    "seconds of the epoch": ("1709301909", 0),
}


@pytest.mark.parametrize(("text", "minutes"), OFFSETS.values(), ids=OFFSETS)
def test_an_offset_is_read_where_a_clock_time_has_one(read, text, minutes):
    assert read([text], lambda column: read_offset(column, ["iso", "dmy", "unix"])) == [minutes]


def test_a_whole_number_is_read_as_digits(read):
    assert read([20240301], lambda c: read_time(c, ["ymd"]), "int64") == [DAY]
    assert read([1709301909], lambda c: read_time(c, ["unix"]), "int64") == [MOMENT]


NUMBERS = {  # text | with a decimal point | with a decimal comma
    "whole": ("12", 12.0, 12.0),
    "signed": ("-3", -3.0, -3.0),
    "point": ("3.5", 3.5, None),
    "comma": ("3,5", None, 3.5),
    "thousands and point": ("1,234,567.50", 1234567.5, None),
    "thousands and comma": ("1.234.567,50", None, 1234567.5),
    "blanks part thousands": ("1 234", 1234.0, 1234.0),
    "narrow blanks part thousands": ("1\u202f234", 1234.0, 1234.0),
    "apostrophes part thousands": ("1'234", 1234.0, 1234.0),
    "three digits after a sign": ("1.234", 1.234, 1234.0),
    "groups of two": ("12,34,567", None, None),
    "no digit before": (".5", 0.5, None),
    "power": ("1e3", 1000.0, 1000.0),
    "sign of currency": ("€5", None, None),
    "unit": ("5 kg", None, None),
    "brackets": ("(5)", None, None),
    "minus behind": ("5-", None, None),
    "not a number": ("nan", None, None),
    "infinite": ("inf", None, None),
    "hexadecimal": ("0x10", None, None),
    "digits of another script": ("١٢", None, None),
    "too long": ("1" * 41, None, None),
    "blank": ("  ", None, None),
}


@pytest.mark.parametrize(("text", "point", "comma"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_read_with_its_decimal_sign(read, text, point, comma):
    assert read([text], read_number) == [point]
    assert read([text], lambda column: read_number(column, "comma")) == [comma]


SIGNED = {  # text | with a decimal point | with a decimal comma
    "before": ("$1,234.50", 1234.5, None),
    "behind": ("1.234,50 €", None, 1234.5),
    "a code": ("EUR 12", 12.0, 12.0),
    "a code behind, with a narrow blank": ("12\u202fEUR", 12.0, 12.0),
    "a sign with a point": ("Fr. 5.20", 5.2, None),
    "minus before the sign": ("-$5", -5.0, -5.0),
    "minus behind the sign": ("$-5", -5.0, -5.0),
    "minus and blanks": ("- $ 5", -5.0, -5.0),
    "none": ("12.5", 12.5, None),
    "another currency": ("£5", None, None),
    "the longer of two": ("US$5", 5.0, 5.0),
    "on both sides": ("$5$", None, None),
    "within": ("1$2", None, None),
    "two signs of minus": ("-$-5", None, None),
    "the sign alone": ("$", None, None),
    "other case": ("eur 5", None, None),
    "brackets": ("($5)", None, None),
    "a power": ("$1e3", 1000.0, 1000.0),
}


@pytest.mark.parametrize(("text", "point", "comma"), SIGNED.values(), ids=SIGNED)
def test_a_named_sign_of_currency_may_stand_beside_a_number(read, text, point, comma):
    signs = ["$", "US$", "€", "EUR", "Fr."]
    assert read([text], lambda column: read_number(column, "point", signs)) == [point]
    assert read([text], lambda column: read_number(column, "comma", signs)) == [comma]


@pytest.mark.parametrize(
    ("text", "meant"),
    [("Yes", True), ("0", False), (" t ", True), ("FALSE", False), ("ja", None), ("", None)],
)
def test_a_flag_is_read_from_the_usual_words(read, text, meant):
    assert read([text], read_flag) == [meant]


def test_words_for_missing_are_missing_whatever_their_case(read):
    texts = ["unknown", " Unknown ", "known", "", None]
    assert read(texts, lambda c: is_missing_text(c, ["UNKNOWN"])) == [True, True, False, True, True]


def test_a_number_for_missing_is_missing_in_numbers_too(read):
    assert read([999, 3], lambda c: without_missing(c, ["999", "n/a"]), "int64") == [None, 3]
    assert read(["999", "3"], lambda c: without_missing(c, ["999"])) == [None, "3"]


_moments = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)
_SPELLINGS = {
    "iso": "{0:%Y}-{0:%m}-{0:%d}T{0:%H}:{0:%M}:{0:%S}Z",
    "dmy": "{0.day}.{0.month}.{0:%Y} {0:%H}:{0:%M}:{0:%S}",
    "mdy": "{0.month}/{0.day}/{0:%Y} {0:%I}:{0:%M}:{0:%S} {0:%p}",
}


@pytest.mark.parametrize("form", _SPELLINGS)
@given(moments=st.lists(_moments, min_size=1, max_size=20))
@few
def test_every_moment_that_is_written_is_read_again(read, form, moments):
    texts = [_SPELLINGS[form].format(moment) for moment in moments]
    found = read(texts, lambda column: read_clock(column, [form]))
    assert found == moments


@given(numbers=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20))
@few
def test_every_amount_that_is_written_is_read_again(read, numbers):
    point = [f"{cents / 100:,.2f}" for cents in numbers]
    comma = [text.translate(str.maketrans(",.", ".,")) for text in point]
    meant = [cents / 100 for cents in numbers]
    assert read(point, read_number) == pytest.approx(meant, rel=1e-15)
    assert read(comma, lambda column: read_number(column, "comma")) == pytest.approx(meant)


@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=20))
@few
def test_no_text_at_all_stops_the_engine(read, texts):
    texts = [text.replace("\x00", "") for text in texts]  # a NUL is refused by the file readers
    forms = ["iso", "dmy", "mdy", "ymd", "unix", "unix_ms"]
    read(texts, lambda column: read_clock(column, forms))
    read(texts, lambda column: read_offset(column, forms))
    for number in read(texts, read_number) + read(texts, lambda c: read_number(c, "comma")):
        assert number is None or math.isfinite(number)


@given(
    texts=st.lists(st.from_regex(r"[0-9.,:/ TZ+-]{1,25}", fullmatch=True), min_size=1, max_size=20)
)
@few
def test_no_row_of_digits_and_signs_stops_the_engine(read, texts):
    forms = ["iso", "dmy", "mdy", "ymd", "unix", "unix_ms"]
    for time in read(texts, lambda column: read_clock(column, forms).year()):
        assert time is None or 0 <= time <= 9999
    read(texts, read_number)
