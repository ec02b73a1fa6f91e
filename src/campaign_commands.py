"""The commands about a campaign in the ledger: `campanile campaign pause` and its like."""

import datetime as dt
from typing import Annotated

import typer

from src.errors import ParameterError

__all__ = ["campaign_app"]

campaign_app = typer.Typer(help="Write a campaign, check and approve it; stop it, let it go on.")

_Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Name of a campaign.")]
_Run = Annotated[str, typer.Option("--run", metavar="RUN_ID", help="Name below runs/.")]


@campaign_app.command()
def pause(campaign: _Campaign, run: _Run = "latest") -> None:
    """Stop it: nothing more is claimed until `campanile campaign resume`."""
    from src.ledger import pause_campaign
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        n_back = pause_campaign(ledger, campaign)
    typer.echo(f"{campaign} is paused; {n_back:,} claimed messages went back to the queue.")


@campaign_app.command()
def resume(campaign: _Campaign, run: _Run = "latest") -> None:
    """Let a paused campaign go on; `campanile send` then sends what is left."""
    from src.ledger import resume_campaign
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        resume_campaign(ledger, campaign)
    typer.echo(f"{campaign} may go on.")


@campaign_app.command()
def cancel(campaign: _Campaign, run: _Run = "latest") -> None:
    """Call it off for good: what has not gone out does not go out."""
    from src.ledger import cancel_campaign
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        n_off = cancel_campaign(ledger, campaign)
    typer.echo(f"{campaign} is called off, and {n_off:,} messages with it.")


@campaign_app.command()
def limits(
    campaign: _Campaign,
    run: _Run = "latest",
    expires: Annotated[
        str, typer.Option(help="ISO 8601 with zone; nothing is sent from then on.")
    ] = "",
    budget: Annotated[
        float | None, typer.Option(help="What its messages may cost, shop currency.")
    ] = None,
    approval_above: Annotated[
        int | None, typer.Option(help="More messages than this need two approvals.")
    ] = None,
) -> None:
    """Set what it may do; what is not given stays. Approvals given before no longer count."""
    from src.ledger.campaigns import change_limits
    from src.run_ledger import open_run_ledger

    expires_at = _time(expires) if expires else None
    with open_run_ledger(run) as ledger:
        change_limits(ledger, campaign, expires_at, budget, approval_above)
    typer.echo(f"The limits of {campaign} are set.")


@campaign_app.command()
def policy(
    campaign: _Campaign,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Such as params/contact_policy.yaml.")
    ],
    run: _Run = "latest",
) -> None:
    """Set its contact policy: quiet hours, caps, holdout. It holds from the next claim on."""
    from src.run_ledger import open_run_ledger
    from src.send.contact_policy import read_contact_policy, set_contact_policy

    found = read_contact_policy(file)
    with open_run_ledger(run) as ledger:
        set_contact_policy(ledger, campaign, found)
    typer.echo(f"The contact policy of {campaign} is set.")


def _time(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ParameterError(
            f"Expected a time such as 2026-12-24T18:00:00+01:00, found {text!r}; mend it."
        )
    return found
