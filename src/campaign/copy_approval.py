"""Approval of a campaign file and its copy: who and when, in the ledger's audit log."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from src.campaign.copy import Candidate
from src.campaign.copy_file import add_variants, file_sha256
from src.campaign.trial import Setting, Trial, try_campaign
from src.decide.catalogue import Campaign, read_campaign
from src.errors import TemplateError
from src.ledger import Ledger
from src.ledger.audit import append_audit, audited, read_audit

__all__ = ["approve_file", "is_approved"]

_ACTION = "approve campaign file"


def approve_file(
    ledger: Ledger,
    path: Path,
    setting: Setting,
    action: str = "",
    variants: Mapping[str, Candidate] | None = None,
    actor: str = "",
) -> Campaign:
    """Put candidates into a campaign file as variants, check all of it, and record who said yes.

    Without candidates it is the file as it stands that is approved.

    Parameters
    ----------
    ledger : Ledger
        Whose audit log takes the approval.
    path : Path
        The campaign file.
    setting : Setting
        What 06 will be given.
    action : str, default ""
        Whose variants the candidates become.
    variants : mapping of str to Candidate, optional
        By the name they get.
    actor : str, default ""
        Who approves; empty: the account that runs this.

    Raises
    ------
    TemplateError
        If the campaign would then break a check; the file stays as it was.
    """
    before = add_variants(path, action, variants) if variants else None
    try:
        campaign = read_campaign(str(path))
        _require(try_campaign(campaign, setting), path.name)
        details = {
            "file": path.name,
            "file_sha256": file_sha256(path),
            "words": {
                name: {"action": action, "id": one.candidate_id, "origin": one.origin}
                | dict(one.source)
                for name, one in (variants or {}).items()
            },
        }
        _record(ledger, campaign.campaign_id, details, actor)
    except BaseException:
        if before is not None:
            path.write_text(before, encoding="utf-8")
        raise
    return campaign


def is_approved(ledger: Ledger, path: Path) -> bool:
    """Say whether somebody approved a campaign file as it stands."""
    sha256 = file_sha256(path)
    return any(
        row.action == _ACTION and f'"file_sha256": "{sha256}"' in row.details
        for row in read_audit(ledger)
    )


def _record(ledger: Ledger, campaign_id: str, details: dict, actor: str) -> None:
    def append(connection: Connection) -> None:
        append_audit(connection, ledger.now(), actor, _ACTION, campaign_id, details)

    audited(ledger, append)


def _require(trial: Trial, name: str) -> None:
    if len(trial.errors):
        first = trial.errors.iloc[0]
        raise TemplateError(
            f"Expected {name} to pass every check before it is approved, but {first['check']}: "
            f"{first['found']!r} in {first['place']} of {first['action']}; run campanile campaign "
            "check, mend it, then approve."
        )
