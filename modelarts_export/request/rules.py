"""The rules between the fields of a request, as functions over its unvalidated body.

So their problems are reported together with those of the model. A rule ignores values of a wrong type, which
the model reports, and yields problems with their location in the body.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from modelarts_export.errors import Location, Problem
from modelarts_export.quoting import InterpolatedString, quote
from modelarts_export.request.directories import find_undocumented_characters, is_bucket_root, parse_directory
from modelarts_export.request.enums import DatasetType, ExportDest, ExportType

Body = Mapping[str, Any]
_NEW_PATH = "export_new_dataset_work_path"
_NEW_NAME = "export_new_dataset_name"
_VERSION_NAME = "export_dataset_version_name"
_NAME_OF_VERSION = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LISTS = ("samples", "search_conditions")
_FILTERS = (*_LISTS, "sample_state")
_IMAGE_TYPES = range(4)  # which all documents call exportable; .github/API.md, section 2
_CUSTOM = 900


def find_errors(body: Body) -> Iterator[Problem]:
    """Yield the problems for which the API would refuse the request."""
    return chain(_check_work_path(body), _check_label_operator(body))


def find_warnings(body: Body) -> Iterator[Problem]:
    """Yield warnings of what the documents contradict or do not mention; such a request is sent."""
    return chain(
        _warn_of_undocumented_characters(body),
        _warn_of_unused_ratio(body),
        _warn_of_unusual_names(body),
        _warn_of_undocumented_fields(body),
        _warn_of_ignored_filters(body),
        _warn_of_samples_with_conditions(body),
        _warn_of_empty_lists(body),
        _warn_of_dataset_type(body),
    )


def _get_params(body: Body) -> Body:
    params = body.get("export_params")
    # None first, as isinstance is slow for Mapping and nearly all of ten thousand documents have no params
    return params if params is not None and isinstance(params, Mapping) else {}


def _check_work_path(body: Body) -> Iterator[Problem]:
    """API.md, section 2: the work path of the new dataset must not be the path or inside it."""
    path_value, work_path_value = body.get("path"), _get_params(body).get(_NEW_PATH)
    if work_path_value is None:
        return
    path, work_path = parse_directory(path_value), parse_directory(work_path_value)
    if path and work_path and work_path.startswith(path):
        shown_path = quote(path_value if isinstance(path_value, InterpolatedString) else path)
        shown = quote(work_path_value if isinstance(work_path_value, InterpolatedString) else work_path)
        relation = "is the same as" if work_path == path else "is inside"
        yield Problem(
            location=("export_params", _NEW_PATH),
            message=f"{shown} {relation} path {shown_path}; choose a directory outside it",
        )


def _is_new_dataset(body: Body) -> bool:
    return ExportDest.find(_get_params(body).get("export_dest")) is ExportDest.NEW_DATASET


def _iter_paths(body: Body) -> Iterator[tuple[Location, str]]:
    for location, value in (
        (("path",), body.get("path")),
        (("export_params", _NEW_PATH), _get_params(body).get(_NEW_PATH)),
    ):
        if isinstance(value, str):
            yield location, value


def _check_label_operator(body: Body) -> Iterator[Problem]:
    """API.md, section 1: SearchLabels requires `op` for two labels and more."""
    conditions = _get_params(body).get("search_conditions")
    for i, condition in enumerate(conditions if isinstance(conditions, list) else []):
        # dict and not Mapping, as there may be a million conditions and isinstance is slow for Mapping
        label_list = condition.get("label_list") if isinstance(condition, dict) else None
        labels = label_list.get("labels") if isinstance(label_list, dict) else None
        if label_list and isinstance(labels, list) and len(labels) > 1 and not label_list.get("op"):
            yield Problem(
                location=("export_params", "search_conditions", i, "label_list"),
                message="several labels need op: AND (a sample has all of them) or OR (any of them)",
                at_key=True,
            )


def _warn_of_undocumented_characters(body: Body) -> Iterator[Problem]:
    for location, value in _iter_paths(body):
        if is_bucket_root(value) and not _is_new_dataset(body):
            message = f"{quote(value)} is the root of a bucket; files would be mixed with what is there"
            yield Problem(location=location, message=message)
        undocumented = find_undocumented_characters(value)
        if undocumented:
            is_hidden = isinstance(value, InterpolatedString)
            shown = f"a character of {quote(value)}" if is_hidden else repr(undocumented[0])
            message = f"{shown} in a path is not documented; the API may refuse it (ModelArts.4313)"
            yield Problem(location=location, message=message)


def _warn_of_unused_ratio(body: Body) -> Iterator[Problem]:
    """API.md, section 1: the ratio is what `ratio_sample_usage` divides the samples by."""
    params = _get_params(body)
    if params.get("train_sample_ratio") is not None and params.get("ratio_sample_usage") in (
        None,
        False,
        "false",
    ):
        yield Problem(
            location=("export_params", "train_sample_ratio"),
            message="the ratio has no effect without ratio_sample_usage: true; the API may ignore it",
        )


def _warn_of_unusual_names(body: Body) -> Iterator[Problem]:
    name = _get_params(body).get(_NEW_NAME)
    if isinstance(name, str) and name and not name[0].isalpha():
        yield Problem(
            location=("export_params", _NEW_NAME),
            message=f"{quote(name)} does not start with a letter, which some documents ask for",
        )
    version = _get_params(body).get(_VERSION_NAME)
    if isinstance(version, str) and not _NAME_OF_VERSION.fullmatch(version):
        yield Problem(
            location=("export_params", _VERSION_NAME),
            message=f"{quote(version)} is not 1 to 32 letters, digits, - and _, as version names elsewhere",
        )


def _warn_of_undocumented_fields(body: Body) -> Iterator[Problem]:
    for field in ("status", "task_id"):
        if body.get(field) is not None:
            yield Problem(location=(field,), message="no meaning of this field in a request is documented")


def _warn_of_ignored_filters(body: Body) -> Iterator[Problem]:
    given: list[Location] = [("export_params", name) for name in _FILTERS if _get_params(body).get(name)]
    if body.get("sample_state"):
        given.append(("sample_state",))
    if given and not is_search(body.get("export_type", "search")):
        yield Problem(
            location=given[0],
            message="filters are documented for export type search only; the API may ignore them",
        )


def _warn_of_samples_with_conditions(body: Body) -> Iterator[Problem]:
    if all(_get_params(body).get(name) for name in _LISTS):
        yield Problem(
            location=("export_params", "search_conditions"),
            message="the combination of samples and search conditions is not documented",
        )


def _warn_of_empty_lists(body: Body) -> Iterator[Problem]:
    if _get_params(body).get("samples") == []:
        yield Problem(
            location=("export_params", "samples"),
            message="the list is empty; the API may export every sample",
        )
    conditions = _get_params(body).get("search_conditions")
    if conditions == [] or (isinstance(conditions, list) and {} in conditions):
        yield Problem(
            location=("export_params", "search_conditions"),
            message="an empty condition may match every sample",
        )


def _warn_of_dataset_type(body: Body) -> Iterator[Problem]:
    dataset_type = DatasetType.find(body.get("dataset_type"))
    if dataset_type and dataset_type.wire_value not in (*_IMAGE_TYPES, _CUSTOM):
        yield Problem(
            location=("dataset_type",),
            message=(
                f"{dataset_type.label} datasets cannot be exported, according to most documents; "
                "the API may refuse it"
            ),
        )


def is_search(export_type: object) -> bool:
    """Return whether a label or wire value is that of the export type search."""
    return ExportType.find(export_type) is ExportType.SEARCH
