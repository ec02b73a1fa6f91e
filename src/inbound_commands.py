"""The commands for what comes back: `campanile serve` and `campanile bounces`."""

from typing import Annotated

import typer

from src.errors import ParameterError

__all__ = ["add_inbound_commands"]

_Run = Annotated[str, typer.Option("--run", metavar="RUN_ID", help="Name below runs/.")]
_HookSecrets = Annotated[
    list[str] | None,
    typer.Option("--hook", metavar="PROVIDER=env:NAME", help="Secret of a provider's calls."),
]


def add_inbound_commands(app: typer.Typer) -> None:
    """Put the commands of this module into the whole."""
    app.command()(serve)
    app.command()(bounces)


def serve(
    run: _Run = "latest",
    host: Annotated[str, typer.Option(help="Address to listen on; put TLS before it.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8025,
    hook: _HookSecrets = None,
    max_age_days: Annotated[int, typer.Option(min=60, help="Older links no longer work.")] = 400,
) -> None:
    """Serve the unsubscribe page, preferences, clicks and the calls of providers.

    No request is logged: addresses of links are personal. /health and /metrics are for your own
    network.
    """
    import uvicorn

    from src.inbound.app import Site, build_app
    from src.keys import read_key
    from src.run_ledger import open_run_ledger

    secrets = _read_secrets(hook or [])
    with open_run_ledger(run) as ledger:
        site = Site(ledger, read_key("links"), secrets, max_age_days)
        uvicorn.run(
            build_app(site),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )


def bounces(
    source: Annotated[str, typer.Argument(help="A Maildir, or imaps://user@host/folder.")],
    run: _Run = "latest",
    password: Annotated[str, typer.Option(help="Of the IMAP account, as env:NAME.")] = "",
) -> None:
    """Read bounces and complaints from a mailbox; what is neither stays in it."""
    from src.inbound.mailbox import open_mailbox, process_mailbox
    from src.keys import read_key
    from src.run_ledger import open_run_ledger

    secret = _secret(password) if password else ""
    with open_run_ledger(run) as ledger, open_mailbox(source, secret) as mailbox:
        counts = process_mailbox(ledger, mailbox, read_key("links"))
    for name, n in sorted(counts.items()):
        typer.echo(f"{n:>8,}  {name}")


def _read_secrets(given: list[str]) -> dict[str, tuple[str, ...]]:
    """Read secrets by provider; a provider may be given twice while one replaces another."""
    secrets: dict[str, tuple[str, ...]] = {}
    for text in given:
        provider, _, reference = text.partition("=")
        if not provider.isidentifier():
            raise ParameterError("Expected --hook PROVIDER=env:NAME, found another; mend it.")
        secrets[provider] = (*secrets.get(provider, ()), _secret(reference))
    return secrets


def _secret(reference: str) -> str:
    from pydantic import ValidationError

    from src.send.channels.settings import SecretReference

    try:
        return SecretReference.model_validate(reference).read()
    except ValidationError:
        raise ParameterError(
            "Expected env:NAME, the environment variable that holds the secret, found another."
        ) from None
