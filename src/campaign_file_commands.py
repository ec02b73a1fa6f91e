"""The commands about a campaign file: `campanile campaign new`, `check`, `copy` and `approve`."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from src.errors import ParameterError
from src.root import PROJECT_ROOT

if TYPE_CHECKING:
    import pandas as pd

    from src.campaign.copy import Candidate, CopyReport, TextProvider
    from src.campaign.trial import Setting, Trial

__all__ = ["add_campaign_file_commands"]

_File = Annotated[
    str, typer.Argument(metavar="FILE", help="Such as params/campaigns/autumn_coupon.yaml.")
]
_Params = Annotated[
    str, typer.Option(help="Params file with the date, hosts and currency; default: one with FILE.")
]
_QUESTIONS = {
    "campaign_id": "Short name, letters and _",
    "goal": "What should it achieve, in a sentence",
    "channel": "Channel: email, sms, push or social",
    "language": "Language: en or zh",
    "template": "Template, a folder of params/templates",
    "discount_share": "Discount as a share, such as 0.2; 0 for none",
    "discount_value": "Or an amount off, in shop currency; 0 for none",
    "minimum_basket_value": "From a basket of; 0 for any",
    "coupon_code": "Coupon code; empty for none",
    "benefit": "What else it gives, such as free shipping; empty for nothing",
    "margin_share": "Your margin, as a share of what the shop receives",
    "sender_name": "Sender's name",
    "sender_address": "Sender's e-mail address",
    "postal_address": "Sender's postal address",
    "unsubscribe_url": "Address where people unsubscribe, https",
}


def add_campaign_file_commands(app: typer.Typer) -> None:
    """Put the commands of this module among those of campaigns."""
    for command in (new, check, copy, approve):
        app.command()(command)


def new(
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; default: params/campaigns/NAME.yaml.")
    ] = None,
    name: Annotated[str | None, typer.Option(help=_QUESTIONS["campaign_id"])] = None,
    goal: Annotated[str | None, typer.Option(help=_QUESTIONS["goal"])] = None,
    template: Annotated[str | None, typer.Option(help=_QUESTIONS["template"])] = None,
    channel: Annotated[str | None, typer.Option(help=_QUESTIONS["channel"])] = None,
    language: Annotated[str | None, typer.Option(help=_QUESTIONS["language"])] = None,
    discount: Annotated[float | None, typer.Option(help=_QUESTIONS["discount_share"])] = None,
    amount: Annotated[float | None, typer.Option(help=_QUESTIONS["discount_value"])] = None,
    minimum: Annotated[float | None, typer.Option(help=_QUESTIONS["minimum_basket_value"])] = None,
    coupon: Annotated[str | None, typer.Option(help=_QUESTIONS["coupon_code"])] = None,
    benefit: Annotated[str | None, typer.Option(help=_QUESTIONS["benefit"])] = None,
    margin: Annotated[float | None, typer.Option(help=_QUESTIONS["margin_share"])] = None,
    sender: Annotated[str | None, typer.Option(help=_QUESTIONS["sender_name"])] = None,
    address: Annotated[str | None, typer.Option(help=_QUESTIONS["sender_address"])] = None,
    postal: Annotated[str | None, typer.Option(help=_QUESTIONS["postal_address"])] = None,
    unsubscribe: Annotated[str | None, typer.Option(help=_QUESTIONS["unsubscribe_url"])] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Tag of the audience; repeatable.")] = None,
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    footer: Annotated[str, typer.Option(help="Legal footer of every e-mail.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write a campaign file from options; on a terminal, what no option says is asked for."""
    from src.campaign.drafts import Answers, draft_file

    given = {
        "campaign_id": name, "goal": goal, "template": template, "channel": channel,
        "language": language, "discount_share": discount, "discount_value": amount,
        "minimum_basket_value": minimum, "coupon_code": coupon, "benefit": benefit,
        "margin_share": margin, "sender_name": sender, "sender_address": address,
        "postal_address": postal, "unsubscribe_url": unsubscribe,
    }  # fmt: skip
    answers = Answers(**_asked(given), tags=tuple(tag or ()), owner=owner, legal_footer=footer)
    text = draft_file(answers)
    path = output or PROJECT_ROOT / "params" / "campaigns" / f"{answers.campaign_id}.yaml"
    if path.exists() and not force:
        raise ParameterError(
            f"Expected no file at {path.name} yet, found one; take another name, or --force."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    typer.echo(f"{_shown(path)}: written; now `campanile campaign check {_shown(path)}`.")


def check(
    file: _File,
    params: _Params = "",
    reach: Annotated[
        bool, typer.Option("--reach", help="Also ask whether links and pictures answer.")
    ] = False,
    creatives: Annotated[
        Path | None, typer.Option(help="Also check the pictures of this folder.")
    ] = None,
) -> None:
    """Render every arm for invented customers and run all checks on it.

    Each fault is shown with its place, what was expected and what was found. The exit code is 1
    if one of them would stop the campaign.
    """
    trial = _try(file, params)
    for line in _told(trial):
        typer.echo(line)
    n_more = 0
    for line in _outside(trial, reach, creatives):
        n_more += 1
        typer.echo(line)
    n_errors = len(trial.errors) + n_more
    arms = trial.messages["action"].nunique()
    if n_errors:
        typer.echo(f"\n{file}: {n_errors} faults in {arms} arms; it would be stopped.")
        raise typer.Exit(1)
    typer.echo(f"\n{file}: {arms} arms pass every check.")


def copy(
    file: _File,
    action: Annotated[str, typer.Option(help="Which action to find words for.")],
    params: _Params = "",
    variants: Annotated[int, typer.Option(min=1, max=10, help="How many of each kind.")] = 3,
    seed: Annotated[int, typer.Option(help="Kept with the words.")] = 0,
    model: Annotated[str, typer.Option(help="Name of a language model; empty: none.")] = "",
    url: Annotated[str, typer.Option(help="Its server, speaking the OpenAI protocol.")] = "",
    temperature: Annotated[float, typer.Option(min=0, max=2, help="Of the model.")] = 0.7,
    output: Annotated[Path | None, typer.Option(help="Where to write the candidates.")] = None,
) -> None:
    """Propose words for an action, check them, and write what passed for a person to read.

    The key of a model's server comes from the environment, CAMPANILE_LLM_KEY. Where the model
    fails, the templates' words are proposed alone, and that is told.
    """
    from src.campaign.copy import TemplateCopy
    from src.campaign.copy_file import write_candidates

    providers: list[TextProvider] = [TemplateCopy()]
    if model:
        providers.append(_model(model, url, temperature, seed))
    report = _propose(file, action, params, variants, seed, providers)
    path = output or _candidates_path(file)
    write_candidates(report, path)
    typer.echo(report.sentence())
    for candidate in report.accepted:
        typer.echo(
            f"  {candidate.candidate_id}  {candidate.origin:<9} "
            + " | ".join(candidate.words.values())
        )
    for candidate, reasons in report.rejected:
        typer.echo(f"  rejected      {candidate.origin:<9} {reasons[0]}")
    typer.echo(f"{_shown(path)}: read them, then `campanile campaign approve {file} --take ID`.")


def approve(
    file: _File,
    take: Annotated[
        list[str] | None,
        typer.Option(help="Candidate to make an arm, ID or ID=name; repeatable."),
    ] = None,
    candidates: Annotated[Path | None, typer.Option(help="As `campaign copy` wrote them.")] = None,
    run: Annotated[
        str, typer.Option("--run", metavar="RUN_ID", help="Whose ledger takes the approval.")
    ] = "latest",
    params: _Params = "",
) -> None:
    """Approve a campaign file, and candidates as arms of its experiment, in your own name.

    The file must pass every check. Who approved which words, and when, goes into the ledger's
    audit log.
    """
    from src.campaign.copy_approval import approve_file
    from src.campaign.copy_file import file_sha256, read_candidates
    from src.ledger.audit import account
    from src.run_ledger import open_run_ledger

    path = PROJECT_ROOT / file
    action, chosen = "", {}
    if take:
        action, found = read_candidates(candidates or _candidates_path(file))
        chosen = _chosen(take, found)
    with open_run_ledger(run) as ledger:
        approve_file(ledger, path, _setting(file, params), action, chosen)
    added = f" with {', '.join(chosen)} as arms of {action}" if chosen else ""
    typer.echo(f"{file}{added}: approved by {account()} ({file_sha256(path)[:12]}).")


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Ask for what is missing; without a terminal take defaults, and name what has none."""
    from src.campaign.drafts import Answers

    defaults = {
        one.name: one.default for one in fields(Answers) if isinstance(one.default, str | float)
    }
    missing = [name for name, value in given.items() if value is None]
    lacking = [name for name in missing if name not in defaults]
    if lacking and not sys.stdin.isatty():
        told = ", ".join(f"{name} ({_QUESTIONS[name]})" for name in lacking)
        raise ParameterError(f"Expected an option for {told}, found none; add it.")
    for name in missing:
        is_asked = sys.stdin.isatty()
        given[name] = (
            typer.prompt(_QUESTIONS[name], default=defaults.get(name))
            if is_asked
            else defaults[name]
        )
    return given


def _try(file: str, params: str) -> "Trial":
    from src.campaign.trial import try_campaign
    from src.decide.catalogue import read_campaign

    return try_campaign(read_campaign(file), _setting(file, params))


def _setting(file: str, params: str) -> "Setting":
    """Take what 06 would be given from the params file, or from one that names the campaign."""
    from src.campaign.trial import Setting
    from src.campaign.wording import read_wording
    from src.params import read_params

    block = read_params(params or _params_of(file)).stages["06_campaign"]
    names = [one.name for one in fields(Setting) if one.name != "wording"]
    return Setting(**{name: block[name] for name in names}, wording=read_wording(block["wording"]))


def _params_of(file: str) -> str:
    wanted = (PROJECT_ROOT / file).resolve()
    for path in sorted((PROJECT_ROOT / "params").glob("*.yaml")):
        try:
            found = _campaign_of(path)
        except ParameterError:
            continue
        if found and (PROJECT_ROOT / found).resolve() == wanted:
            return f"params/{path.name}"
    return "params/smoke.yaml"


def _campaign_of(path: Path) -> str:
    from src.params import read_params

    return read_params(f"params/{path.name}").value("campaign") or ""


def _told(trial: "Trial") -> Iterator[str]:
    faults = trial.faults
    width = trial.summary["check"].str.len().max()
    for row in trial.summary.itertuples():
        if not row.n_messages:
            continue
        own = faults[faults["check"] == row.check]
        state = "ok" if own.empty else "WARNS" if row.effect == "warns" else "STOPS"
        yield f"{row.check:<{width}}  {state:<5}  {row.reason}"
        yield from _fault_lines(own)


def _fault_lines(faults: "pd.DataFrame") -> Iterator[str]:
    """Show each fault once: messages to several customers often share one."""
    rows = faults[["action", "place", "expected", "found"]].drop_duplicates()
    for row in rows.head(10).itertuples(index=False):
        yield f"    in {row.place} of {row.action}"
        yield f"      expected  {row.expected}"
        yield f"      found     {row.found}"
    if len(rows) > 10:
        yield f"    and {len(rows) - 10} more"


def _outside(trial: "Trial", reach: bool, creatives: Path | None) -> Iterator[str]:
    if reach:
        from src.campaign.reach import find_unreachable, list_addresses

        for address, found in find_unreachable(**list_addresses(trial.messages)):
            yield f"reach  STOPS  {address}: {found}"
    if creatives:
        from src.campaign.creative_checks import check_creatives

        for name, check_name, found in check_creatives(creatives, trial.facts):
            yield f"creative  STOPS  {name}, {check_name}: {found}"


def _model(model: str, url: str, temperature: float, seed: int) -> "TextProvider":
    from src.campaign.copy_model import ModelCopy, ModelSettings

    settings = ModelSettings(url, model, temperature, seed)
    return ModelCopy(settings, PROJECT_ROOT / "runs" / "copy" / "cache")


def _propose(
    file: str, action: str, params: str, n_variants: int, seed: int,
    providers: "list[TextProvider]",
) -> "CopyReport":  # fmt: skip
    from src.campaign.copy import make_brief, make_judge, write_copy
    from src.decide.catalogue import read_campaign

    campaign, setting = read_campaign(file), _setting(file, params)
    brief = make_brief(campaign, action, setting, n_variants, seed)
    return write_copy(brief, providers, make_judge(campaign, brief, setting))


def _candidates_path(file: str) -> Path:
    return PROJECT_ROOT / "runs" / "copy" / f"{Path(file).stem}.yaml"


def _chosen(take: list[str], found: "dict[str, Candidate]") -> "dict[str, Candidate]":
    chosen = {}
    for one in take:
        candidate_id, _, name = one.partition("=")
        if candidate_id not in found:
            raise ParameterError(
                f"Expected an accepted candidate, found {candidate_id!r}; there are {list(found)}."
            )
        chosen[name or f"copy_{candidate_id}"] = found[candidate_id]
    return chosen


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)
