"""E-mail addresses in the one form in which two accounts of a person agree."""

from email_validator import EmailNotValidError, validate_email
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["normalize_email", "normalize_emails"]

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = rf"^(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>[a-z0-9.-]+)$"
_MAX_LENGTH, _MAX_LOCAL = 254, 64

_GMAIL = ("gmail.com", "googlemail.com")

# Providers that say of themselves that name+anything is the mailbox name; elsewhere a plus may
# be part of a name, and stays.
_TAGGING = (
    *_GMAIL,
    "outlook.com",
    "hotmail.com",
    "live.com",
    "icloud.com",
    "me.com",
    "proton.me",
    "protonmail.com",
    "pm.me",
    "fastmail.com",
)

# What people and tills type where an address must be given; digits and separators aside.
_JUNK = frozenset(
    "a aa aaa abc abcd asd asdf blank demo dummy empty example fake gmail hotmail keine keinemail "
    "kunde customer na nobody noemail noemailaddress nomail none nomailaddress noone notgiven "
    "notprovided null qwerty sansemail sinemail sincorreo test testuser tester unknown unbekannt "
    "user x xx xxx xxxx xyz yahoo".split()
)
_ROLES = frozenset(
    "accounting accounts admin administrator abuse accueil ap bestellung bestellungen billing "
    "buchhaltung buero büro commande commandes compras contact contacto contabilidad "
    "customerservice einkauf empfang eshop facturation finance firma hello help hilfe hostmaster "
    "hr info invoice invoices kontakt kundenservice mail marketing noreply no-reply donotreply "
    "office order orders pedidos post postmaster purchase purchasing reception rechnung "
    "rechnungen sales sekretariat service shop store support team ventas vertrieb verwaltung "
    "webmaster webshop welcome".split()
)
_JUNK_DOMAINS = frozenset(
    "example.com example.org example.net test.com test.de test.org none.com noemail.com email.com "
    "nomail.com abc.com asdf.com fake.com unknown.com domain.com".split()
)


def normalize_email(address: str | None) -> str | None:
    """Give the form of an address in which two accounts of one person agree.

    Case and a domain's spelling (IDNA) are evened out; at providers that ignore them, dots and
    ``+tags`` go. No name is looked up.

    Parameters
    ----------
    address : str or None
        As the shop has it.

    Returns
    -------
    str or None
        None if it is no address, or one that does not tell a person: a role such as ``info@``,
        or a filler such as ``none@none.com``.

    Examples
    --------
    >>> normalize_email(" Ann.Miller+shop@GoogleMail.com ")
    'annmiller@gmail.com'
    >>> normalize_email("Ann.Miller+shop@bücher.example.de")
    'ann.miller+shop@xn--bcher-kva.example.de'
    >>> normalize_email("info@shop.de") is None
    True
    """
    return normalize_emails(pd.Series([address], dtype="str"))[0]


def normalize_emails(addresses: pd.Series) -> list[str | None]:
    """Normalise many addresses as `normalize_email` does one.

    Parameters
    ----------
    addresses : Series of str
        As the shop has them.

    Returns
    -------
    list of str or None
        In the same order.
    """
    distinct = pc.dictionary_encode(pa.array(addresses, type=pa.string(), from_pandas=True))
    parts = _split(distinct.dictionary)
    keys = _keys(parts)
    return pa.array(keys, type=pa.string()).take(distinct.indices).to_pylist()


def _split(addresses: pa.Array) -> pd.DataFrame:
    """Local part and ASCII domain of valid addresses; missing where not valid."""
    text = pc.utf8_lower(pc.utf8_trim_whitespace(addresses))
    text = pc.if_else(pc.less_equal(pc.utf8_length(text), _MAX_LENGTH), text, None)
    found = pc.extract_regex(text, _PLAIN)
    parts = pd.DataFrame(
        {
            "local": pc.struct_field(found, "local").to_pandas(),
            "domain": pc.struct_field(found, "domain").to_pandas(),
        },
        dtype="str",
    )
    known = {domain: _valid(f"a@{domain}")[1] for domain in parts["domain"].dropna().unique()}
    parts["domain"] = parts["domain"].map(known).astype("str")
    parts.loc[parts["local"].str.len() > _MAX_LOCAL, ["local", "domain"]] = None
    has_rest = pc.and_kleene(pc.is_null(found), pc.match_substring_regex(text, r"[^@]@[^@]+\.."))
    for row in pc.indices_nonzero(has_rest).to_pylist():
        parts.loc[row, ["local", "domain"]] = _valid(text[row].as_py())
    return parts


def _valid(address: str) -> tuple[str | None, str | None]:
    """Local part and ASCII domain of an address, without asking any server."""
    try:
        found = validate_email(address, check_deliverability=False)
    except (EmailNotValidError, ValueError):
        return None, None
    return found.local_part.casefold(), found.ascii_domain.lower()


def _keys(parts: pd.DataFrame) -> pd.Series:
    local, domain = parts["local"], parts["domain"]
    is_tagging, is_gmail = domain.isin(_TAGGING), domain.isin(_GMAIL)
    untagged = local.str.replace(r"(.)\+.*$", r"\1", regex=True)
    local = local.mask(is_tagging, untagged)
    local = local.mask(is_gmail, local.str.replace(".", "", regex=False))
    domain = domain.mask(is_gmail, _GMAIL[0])
    letters = untagged.str.replace(r"[._\d-]+", "", regex=True)
    is_nobody = letters.isin(_JUNK) | untagged.isin(_ROLES) | domain.isin(_JUNK_DOMAINS)
    is_nobody |= letters.eq("")
    return (local + "@" + domain).mask(is_nobody | domain.isna() | local.isna())
