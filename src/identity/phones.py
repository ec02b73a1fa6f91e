"""Phone numbers as E.164, and which of them tell no person."""

import re

import pandas as pd
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from src.errors import ParameterError

__all__ = ["normalize_phone", "normalize_phones"]

_KINDS = ("fixed_line", "mobile", "voip", "personal_number")
_LONGEST = 40
_BLANKS = "[\\s().\\-/\u2010-\u2015\u00a0]"
# Six last digits that are one digit, or run up or down: typed to get past a form.
_UP, _DOWN = "01234567890", "09876543210"
_RUNS = [run[start : start + 6] for run in (_UP, _DOWN) for start in range(6)]
_DUMMY = rf"(?:{'|'.join(_RUNS + [digit * 6 for digit in '0123456789'])})$"


def normalize_phone(number: str | None, region: str) -> str | None:
    """Give a phone number in the form E.164.

    Parameters
    ----------
    number : str or None
        As the shop has it.
    region : str
        Country of numbers without a country code, such as ``DE``.

    Returns
    -------
    str or None
        None if there is no such number, it is a filler such as ``0000000``, or it has an
        extension, for a switchboard is not a person.

    Examples
    --------
    >>> normalize_phone("030 / 901820-7", "DE")
    '+49309018207'
    >>> normalize_phone("0000000", "DE") is None
    True
    """
    return normalize_phones(pd.Series([number], dtype="str"), region)[0]


def normalize_phones(numbers: pd.Series, region: str) -> list[str | None]:
    """Normalise many phone numbers as `normalize_phone` does one.

    Raises
    ------
    ParameterError
        If the region is not known.
    """
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ParameterError(
            f"Expected a country code such as DE as the region of phone numbers, found {region!r}."
        )
    distinct = pc.dictionary_encode(pa.array(numbers, type=pa.string(), from_pandas=True))
    keys = _keys(distinct.dictionary, region)
    return keys.take(distinct.indices).to_pylist()


def _keys(numbers: pa.Array, region: str) -> pa.Array:
    digits = pc.replace_substring_regex(numbers, _BLANKS, "")
    national = _national(digits, region)
    code = f"+{phonenumbers.country_code_for_region(region)}"
    keys = pc.binary_join_element_wise(code, national, "").to_pylist()
    rest = pc.and_(pc.is_null(national), pc.greater_equal(pc.utf8_length(digits), 6))
    for row in pc.indices_nonzero(rest).to_pylist():
        keys[row] = _parsed(numbers[row].as_py(), region)
    found = pa.array(keys, type=pa.string())
    return pc.if_else(pc.match_substring_regex(found, _DUMMY), None, found)


def _national(digits: pa.Array, region: str) -> pa.Array:
    """National numbers of the region's common forms; the rest is left to the slow parser.

    `phonenumbers` takes 60 µs a number, a million a minute. Its very patterns of valid numbers
    are matched here on all numbers at once; a number that they do not settle is missing.
    """
    rules = phonenumbers.PhoneMetadata.metadata_for_region(region)
    prefix, parsing = rules.national_prefix or "", rules.national_prefix_for_parsing or "$"
    if rules.national_prefix_transform_rule or not len(digits):
        return pa.nulls(len(digits), pa.string())
    kinds = [getattr(rules, kind) for kind in _KINDS]
    patterns = sorted({kind.national_number_pattern or "$" for kind in kinds if kind is not None})
    valid = f"(?P<national>{'|'.join(f'(?:{pattern})' for pattern in patterns)})$"
    starts = rf"\+{rules.country_code}"
    if rules.international_prefix == "00":
        starts += f"|00{rules.country_code}"
    if prefix and _is_all_that_goes(parsing, prefix):
        starts += f"|{prefix}"
    found = pc.struct_field(pc.extract_regex(digits, f"^(?:{starts})?{valid}"), "national")
    unclear = rf"^(?:{parsing}|{rules.international_prefix}|0)"
    is_bare = pc.equal(found, digits)
    is_unclear = pc.or_(
        pc.match_substring_regex(found, unclear),
        pc.and_(is_bare, pc.starts_with(digits, str(rules.country_code))),
    )
    return pc.if_else(is_unclear, None, found)


def _is_all_that_goes(parsing: str, prefix: str) -> bool:
    """Whether the parser takes just the prefix off a number that has it."""
    probes = [prefix + digit + rest for digit in "123456789" for rest in ("2345678", "0000000")]
    found = [re.match(parsing, probe) for probe in probes]
    return all(match is not None and match.group() == prefix for match in found)


def _parsed(number: str, region: str) -> str | None:
    if len(number) > _LONGEST:
        return None
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if parsed.extension or not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
