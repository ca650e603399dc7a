"""The command `doctor`, which checks everything that a submission needs and changes nothing."""

from typing import Annotated

import typer

from modelarts_export.cli.binding import Assignments, ContextWithoutTasks, Dataset, DatasetOption
from modelarts_export.request.fields import REQUEST

DirectoryOption = Annotated[
    str | None,
    typer.Option(
        "--path",
        metavar="DIR",
        rich_help_panel=REQUEST,
        help="OBS directory of an export; one of the dataset itself or of an earlier task is warned of",
    ),
]
FileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        rich_help_panel=REQUEST,
        help="Spec file whose request, dataset_id and path are checked; - is stdin",
    ),
]


def doctor(  # noqa: PLR0913 - the options of the command
    context: ContextWithoutTasks,
    dataset: Dataset = None,
    *,
    path: DirectoryOption = None,
    file: FileOption = None,
    dataset_option: DatasetOption = None,
    var: Assignments = None,
) -> None:
    """Check what a submission needs: settings, credentials, network, permission, dataset and path.

    Nothing is created or changed. Each call is made once, unless a retry option or variable is given.
    """
    # here, because they load requests, and `explain` builds all commands
    from modelarts_export.cli.diagnosis.calls import make_probe  # noqa: PLC0415
    from modelarts_export.cli.diagnosis.hints import add_hint  # noqa: PLC0415
    from modelarts_export.cli.diagnosis.subject import SubjectInput, load_subject  # noqa: PLC0415
    from modelarts_export.cli.diagnosis.view import print_checks  # noqa: PLC0415
    from modelarts_export.diagnosis.diagnose import diagnose  # noqa: PLC0415

    given = SubjectInput(
        dataset=dataset if dataset is not None else dataset_option,
        path=path,
        files=file or (),
        assignments=var or (),
    )
    subject = load_subject(given, context)
    found = diagnose(context.connection.configuration, subject, make_probe(context))
    print_checks([add_hint(check, context, subject) for check in found], context)
