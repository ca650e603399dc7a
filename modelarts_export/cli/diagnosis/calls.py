"""How checks call the API: each call is printed with --verbose, and made once."""

from functools import partial

from modelarts_export.cli.connection import print_call
from modelarts_export.cli.context import CommandContext
from modelarts_export.config.settings import Settings
from modelarts_export.diagnosis.diagnose import Probe
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy

_RETRY_SETTINGS = ("retry_timeout", "max_retries")


def make_probe(context: CommandContext) -> Probe:
    """Return how calls are made: once, as retries would take two minutes, unless those are asked for."""

    def choose_retries(settings: Settings) -> RetryPolicy:
        is_given = any(name in settings.origins for name in _RETRY_SETTINGS)
        return context.connection.retry_policy(settings) if is_given else ONE_TRY

    return Probe(
        on_call=partial(print_call, context.messages),
        on_token=context.messages.add_secret,
        retry=choose_retries,
    )
