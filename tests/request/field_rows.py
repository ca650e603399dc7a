"""Every field of a request: the line of a spec, the flags, and the body that is sent.

Written by hand from .github/API.md, sections 1 and 11, and never from the models.
"""

from typing import NamedTuple

Json = dict[str, object]


class Row(NamedTuple):
    """A line of a spec, the equivalent flags (for a condition, the text of --search), and the fields sent."""

    spec: str
    flags: str | None
    sent: Json


class Whole(NamedTuple):
    """A command, a spec, flags, and the body that is sent."""

    command: str
    spec: str
    flags: str
    sent: Json


# fmt: off
TOP = [
    Row("version_id: sandbox-v1", "--version-id sandbox-v1", {"version_id": "sandbox-v1"}),
    Row("version_id: null", None, {}),
    Row("version_format: CSV", "--version-format CSV", {"version_format": "CSV"}),
    Row("export_format: 1", "--export-format 1", {"export_format": 1}),
    Row("annotation_format: VOC", "--annotation-format VOC", {"annotation_format": "VOC"}),
    Row("dataset_type: 0", "--dataset-type 0", {"dataset_type": 0}),
    Row("source_type_header: s3://", "--source-type-header s3://", {"source_type_header": "s3://"}),
    Row("with_column_header: true", "--with-column-header", {"with_column_header": True}),
    Row('with_column_header: "yes"', None, {"with_column_header": True}),
    Row("with_column_header: false", "--no-with-column-header", {"with_column_header": False}),
    Row("status: 0", None, {"status": 0}),
    Row("status: -7", None, {"status": -7}),
    Row("status: null", None, {}),
    Row("task_id: TZMuy7OKbClkGCAc3gb", None, {"task_id": "TZMuy7OKbClkGCAc3gb"}),
    Row("sample_state: null", None, {}),
    Row("dataset_id: sandbox-images", "", {}),
    Row("project_id: 5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c", "", {}),
    Row("name: nightly", "", {}),
    Row("name: 每晚 🌙", "", {}),
]
PARAMS = [
    Row("clear_hard_property: true", "--clear-hard-property", {"clear_hard_property": True}),
    Row("clear_hard_property: false", "--no-clear-hard-property", {"clear_hard_property": False}),
    Row("ratio_sample_usage: true", "--ratio-sample-usage", {"ratio_sample_usage": True}),
    Row("ratio_sample_usage: false", "--no-ratio-sample-usage", {"ratio_sample_usage": False}),
    Row("train_sample_ratio: 0.80", "--train-sample-ratio 0.80", {"train_sample_ratio": "0.80"}),
    Row('train_sample_ratio: "0.80"', "--train-sample-ratio 0.80", {"train_sample_ratio": "0.80"}),
    Row("train_sample_ratio: .5", "--train-sample-ratio .5", {"train_sample_ratio": ".5"}),
    Row("train_sample_ratio: 1", "--train-sample-ratio 1", {"train_sample_ratio": "1"}),
    Row("train_sample_ratio: 0", "--train-sample-ratio 0", {"train_sample_ratio": "0"}),
    Row("train_sample_ratio: 1.00", "--train-sample-ratio 1.00", {"train_sample_ratio": "1.00"}),
    Row("train_sample_ratio: 0.123456789012345678901", None, {"train_sample_ratio": "0.123456789012345678901"}),
    Row("train_sample_ratio: null", None, {}),
    Row("sample_state: __ACCEPTED__", "--sample-state __ACCEPTED__", {"sample_state": "__ACCEPTED__"}),
    Row('sample_state: ""', "--sample-state ''", {"sample_state": ""}),
    Row("samples: [b, a]", "--sample b --sample a", {"samples": ["b", "a"]}),
    Row('samples: ["0123", "no"]', "--sample 0123 --sample no", {"samples": ["0123", "no"]}),
    Row("samples: [样本]", "--sample 样本", {"samples": ["样本"]}),
    Row("search_conditions: [{hard: 1}]", "--search hard=1", {"search_conditions": [{"hard": "1"}]}),
    Row("search_conditions: [{hard: 1}, {kvp: a}]", "--search hard=1 --search kvp=a",
        {"search_conditions": [{"hard": "1"}, {"kvp": "a"}]}),
    Row("search_conditions: []", None, {"search_conditions": []}),
    Row("export_dataset_version_name: V001", "--dataset-version-name V001", {"export_dataset_version_name": "V001"}),
    Row("export_dataset_version_format: Default", "--dataset-version-format Default",
        {"export_dataset_version_format": "Default"}),
]
CONDITIONS = [
    Row('coefficient: "0.5"', "coefficient=0.5", {"coefficient": "0.5"}),
    Row("frame_in_video: 7", "frame_in_video=7", {"frame_in_video": 7}),
    Row("hard: true", "hard=true", {"hard": "1"}),
    Row("hard: TRUE", "hard=TRUE", {"hard": "1"}),
    Row("hard: false", "hard=false", {"hard": "0"}),
    Row("hard: 1", "hard=1", {"hard": "1"}),
    Row("hard: 0", "hard=0", {"hard": "0"}),
    Row('hard: "1"', "hard='1'", {"hard": "1"}),
    Row('hard: "0"', 'hard="0"', {"hard": "0"}),
    Row('hard: "False"', "hard=False", {"hard": "0"}),
    Row("hard: yes", "hard=yes", {"hard": "1"}),
    Row('hard: "Off"', "hard=Off", {"hard": "0"}),
    Row("import_origin: obs", "import_origin=obs", {"import_origin": "obs"}),
    Row('kvp: "120"', "kvp=120", {"kvp": "120"}),
    Row("kvp: a=b", "kvp=a=b", {"kvp": "a=b"}),
    Row("labeler: 张三", "labeler=张三", {"labeler": "张三"}),
    Row("parent_sample_id: 0a1b", "parent_sample_id=0a1b", {"parent_sample_id": "0a1b"}),
    Row("sample_dir: /b/d/", "sample_dir=/b/d/", {"sample_dir": "/b/d/"}),
    Row("sample_name: black cat.jpg", "sample_name='black cat.jpg'", {"sample_name": "black cat.jpg"}),
    Row("sample_name: a.jpg", r"sample_name=a\.jpg", {"sample_name": "a.jpg"}),
    Row("sample_time: month", "sample_time=month", {"sample_time": "month"}),
    Row("sample_time: day", "sample_time=day", {"sample_time": "day"}),
    Row("sample_time: 20261001-20261015", "sample_time=20261001-20261015", {"sample_time": "20261001-20261015"}),
    Row("sample_time: 20261001-20261031", "sample_time=20261001-20261031", {"sample_time": "20261001-20261031"}),
    Row("sample_time: 20240229-20240229", "sample_time=20240229-20240229", {"sample_time": "20240229-20240229"}),
    Row('score: "0.9"', "score=0.9", {"score": "0.9"}),
    Row("slice_thickness: 5mm", "slice_thickness=5mm", {"slice_thickness": "5mm"}),
    Row('study_date: "2026-01-02"', "study_date=2026-01-02", {"study_date": "2026-01-02"}),
    Row('time_in_video: "12"', "time_in_video=12", {"time_in_video": "12"}),
    Row('time_in_video: "00:01:05"', "time_in_video=00:01:05", {"time_in_video": "00:01:05"}),
    Row("labeler: null", None, {}),
    Row("label_list: {labels: [{name: cat}]}", "label=cat", {"label_list": {"labels": [{"name": "cat"}]}}),
    Row("label_list: {labels: [{name: a=b}]}", "label=a=b", {"label_list": {"labels": [{"name": "a=b"}]}}),
    Row('label_list: {labels: [{name: "no"}]}', "label=no", {"label_list": {"labels": [{"name": "no"}]}}),
    Row("label_list: {labels: [{name: black cat}]}", "label='black cat'",
        {"label_list": {"labels": [{"name": "black cat"}]}}),
    Row("label_list: {labels: [{name: cat}, {name: dog}], op: OR}", "label=cat,dog",
        {"label_list": {"labels": [{"name": "cat"}, {"name": "dog"}], "op": "OR"}}),
    Row("label_list: {labels: [{name: cat}, {name: dog}], op: AND}", "label=cat+dog",
        {"label_list": {"labels": [{"name": "cat"}, {"name": "dog"}], "op": "AND"}}),
    Row("label_list: {labels: [{name: cat, type: 1}]}", "{label_list: {labels: [{name: cat, type: 1}]}}",
        {"label_list": {"labels": [{"name": "cat", "type": 1}]}}),
    Row("label_list: {labels: [{type: 103}]}", None, {"label_list": {"labels": [{"type": 103}]}}),
    Row("label_list: {labels: [{type: triplet-entity}]}", None, {"label_list": {"labels": [{"type": 103}]}}),
    Row("label_list: {labels: [{type: '600'}]}", None, {"label_list": {"labels": [{"type": 600}]}}),
    Row("label_list: {labels: [{op: OR, property: {size: [s, m], color: null}}]}",
        "{label_list: {labels: [{op: OR, property: {size: [s, m], color: null}}]}}",
        {"label_list": {"labels": [{"op": "OR", "property": {"size": ["s", "m"], "color": None}}]}}),
    Row("label_list: {labels: []}", None, {"label_list": {"labels": []}}),
    Row("metadata: {props: {site: [north]}}", "meta.site=north", {"metadata": {"props": {"site": ["north"]}}}),
    Row("metadata: {props: {site: [a, b]}}", "meta.site=a,b", {"metadata": {"props": {"site": ["a", "b"]}}}),
    Row("metadata: {op: AND, props: {a: [x], b.c: [y]}}", "meta.a=x meta.b.c=y",
        {"metadata": {"op": "AND", "props": {"a": ["x"], "b.c": ["y"]}}}),
    Row("metadata: {op: OR, props: {a: [x], b: [y]}}", "{metadata: {op: OR, props: {a: [x], b: [y]}}}",
        {"metadata": {"op": "OR", "props": {"a": ["x"], "b": ["y"]}}}),
    Row("{hard: true, labeler: me}", '{"hard": true, "labeler": "me"}', {"hard": "1", "labeler": "me"}),
    Row("{hard: true, labeler: me}", " {hard: true, labeler: me}", {"hard": "1", "labeler": "me"}),
    Row("{label_list: {labels: [{name: cat}, {name: dog}], op: or}, hard: true, sample_time: 20261001-20261015}",
        "label=cat,dog hard=true sample_time=20261001-20261015",
        {"label_list": {"labels": [{"name": "cat"}, {"name": "dog"}], "op": "OR"}, "hard": "1",
         "sample_time": "20261001-20261015"}),
]

# What is written for a path, and what is sent.
PATHS = [
    ("/b/d/", "/b/d/"),
    ("/b/d", "/b/d/"),
    ("obs://b/d/", "/b/d/"),
    ("s3://b/d/", "/b/d/"),
    ("OBS://b/d", "/b/d/"),
    ("S3://b/d", "/b/d/"),
    ("Obs://Bucket/Dir", "/Bucket/Dir/"),
    ("/b/d/e-f_0/1", "/b/d/e-f_0/1/"),
    ("/桶/数据/", "/桶/数据/"),
    ("obs://b/导出", "/b/导出/"),
    ("/b/" + 696 * "d" + "/", "/b/" + 696 * "d" + "/"),
]
# A path that the documents leave open, so that the sandbox refuses some of them: sent with a warning.
DOUBTFUL_PATHS = [("/b/v1.2/", "/b/v1.2/"), ("/b/a b", "/b/a b/"), ("/b/é", "/b/é/"), ("/b/данные/", "/b/данные/")]
NAMES = ["n", "A-_9", "数据集", "9n", 100 * "n"]
# fmt: on

DIR, NEW = "to-obs", "to-new-dataset"
BARE: Json = {"path": "/b/d/", "export_params": {"export_dest": "DIR"}}
USUAL: Json = {"path": "/b/d/", "export_type": 3, "export_params": {"sample_state": "", "export_dest": "DIR"}}
NAMED = {
    "export_dest": "NEW_DATASET",
    "export_new_dataset_name": "n",
    "export_new_dataset_work_path": "/b/w/",
}
NAMED_SPEC = "export_dest: NEW_DATASET, export_new_dataset_name: n, export_new_dataset_work_path: /b/w/"
NAMED_FLAGS = "--new-dataset-name n --new-dataset-work-path /b/w/"
USUAL_NEW: Json = {"path": "/b/d/", "export_type": 3, "export_params": {"sample_state": "", **NAMED}}

# What each command needs in a spec's export_params and as flags, and what it then sends.
COMMANDS = {
    DIR: ("export_dest: DIR", "--path /b/d/", USUAL),
    NEW: (NAMED_SPEC, f"--path /b/d/ {NAMED_FLAGS}", USUAL_NEW),
}


def usual(**params: object) -> Json:
    """Return the body of a plain to-obs with more in its export_params."""
    return {**USUAL, "export_params": {"sample_state": "", "export_dest": "DIR", **params}}


# fmt: off
# What is sent when nothing else was said, and where it is not; null leaves a field out.
DEFAULTS = [
    Whole(DIR, "path: /b/d/", "", USUAL),
    Whole(DIR, "path: /b/d/\nexport_params: {}", "", USUAL),
    Whole(DIR, "path: /b/d/\nexport_params: {export_dest: DIR}", "", USUAL),
    Whole(DIR, "path: /b/d/\nexport_type: search", "", USUAL),
    Whole(DIR, "path: /b/d/\nexport_type: null", "", BARE),
    Whole(DIR, "path: /b/d/\nexport_type: all", "", {**BARE, "export_type": 2}),
    Whole(DIR, "path: /b/d/\nexport_type: 0", "", {**BARE, "export_type": 0}),
    Whole(DIR, "path: /b/d/\nexport_type: all\nexport_params: {sample_state: ''}", "", {**USUAL, "export_type": 2}),
    Whole(DIR, "path: /b/d/\nexport_params: {sample_state: null}", "", {**BARE, "export_type": 3}),
    Whole(DIR, "path: /b/d/\nexport_params: null", "", {"path": "/b/d/", "export_type": 3}),
    Whole(DIR, "path: /b/d/\nexport_type: 2\nexport_params:", "", {"path": "/b/d/", "export_type": 2}),
    Whole(DIR, "path: /b/d/\nexport_type:\nexport_params:", "", {"path": "/b/d/"}),
    Whole(DIR, "path: /b/d/\nexport_params: {export_dest: null}", "", {**USUAL, "export_params": {"sample_state": ""}}),
    Whole(DIR, "path: /b/d/\nexport_params: {export_dest: null, sample_state: null}", "",
          {"path": "/b/d/", "export_type": 3, "export_params": {}}),
    Whole(DIR, "path: /b/d/\nsample_state: labeled", "", {**BARE, "export_type": 3, "sample_state": "__ALL__"}),
    Whole(DIR, "path: /b/d/\nsample_state: ''", "", {**BARE, "export_type": 3, "sample_state": ""}),
    Whole(DIR, "path: /b/d/\nsample_state: __NONE__\nexport_params: {sample_state: accepted}", "",
          {**usual(sample_state="__ACCEPTED__"), "sample_state": "__NONE__"}),
    Whole(NEW, f"path: /b/d/\nexport_params: {{{NAMED_SPEC}}}", "", USUAL_NEW),
    Whole(NEW, f"path: /b/d/\nexport_type: null\nexport_params: {{{NAMED_SPEC}}}", "",
          {"path": "/b/d/", "export_params": {**NAMED}}),
    Whole(NEW, f"path: /b/d/\nexport_type: 1\nexport_params: {{{NAMED_SPEC}}}", "",
          {"path": "/b/d/", "export_type": 1, "export_params": {**NAMED}}),
    Whole(NEW, f"path: /b/d/\nexport_params: {{{NAMED_SPEC}, sample_state: null}}", "",
          {"path": "/b/d/", "export_type": 3, "export_params": {**NAMED}}),
]
# Flags and a spec: flags take precedence, a list replaces the list, and the defaults come after the merge.
MERGED = [
    Whole(DIR, "path: /b/x/", "--path /b/d/", USUAL),
    Whole(DIR, "export_type: 2", "--path /b/d/ --export-type search", USUAL),
    Whole(DIR, "path: /b/d/\nexport_type: null", "--export-type search", USUAL),
    Whole(DIR, "path: /b/d/", "--export-type all", {**BARE, "export_type": 2}),
    Whole(DIR, "path: /b/d/\nversion_id: a", "--version-id sandbox-v1", {**USUAL, "version_id": "sandbox-v1"}),
    Whole(DIR, "path: /b/d/\nwith_column_header: true", "--no-with-column-header", {**USUAL, "with_column_header": False}),
    Whole(DIR, "path: /b/d/\nexport_params: {sample_state: null}", "--sample-state ''", USUAL),
    Whole(DIR, "path: /b/d/\nexport_params: {sample_state: accepted}", "--sample-state rejected",
          usual(sample_state="__REJECTED__")),
    Whole(DIR, "path: /b/d/\nexport_params: {clear_hard_property: true}", "--ratio-sample-usage",
          usual(clear_hard_property=True, ratio_sample_usage=True)),
    Whole(DIR, "path: /b/d/\nexport_params: {samples: [a, b]}", "--sample c", usual(samples=["c"])),
    Whole(DIR, "path: /b/d/\nexport_params: {samples: [a, b]}", "", usual(samples=["a", "b"])),
    Whole(DIR, "path: /b/d/\nexport_params: {search_conditions: [{hard: 1}, {kvp: a}]}", "--search hard=0",
          usual(search_conditions=[{"hard": "0"}])),
    Whole(DIR, "path: /b/d/\nexport_params: null", "--sample a", usual(samples=["a"])),
    Whole(DIR, "path: /b/d/\nsample_state: __ALL__", "--sample-state reviewed",
          {**usual(sample_state="__REVIEWED__"), "sample_state": "__ALL__"}),
    Whole(NEW, f"path: /b/d/\nexport_params: {{{NAMED_SPEC}}}", "--new-dataset-name m --new-dataset-work-path s3://b/v",
          {**USUAL_NEW, "export_params": {"sample_state": "", "export_dest": "NEW_DATASET",
           "export_new_dataset_name": "m", "export_new_dataset_work_path": "/b/v/"}}),
    Whole(NEW, "export_params: {export_dest: NEW_DATASET}", f"--path /b/d/ {NAMED_FLAGS}", USUAL_NEW),
]
EVERY_FIELD: Json = {"path": "/b/数据/", "export_type": 3, "export_format": 2, "annotation_format": "COCO", "dataset_type": 1,
 "sample_state": "__ALL__", "source_type_header": "s3://", "version_format": "CarbonData", "version_id": "sandbox-v1",
 "with_column_header": False, "status": 1, "task_id": "t-1",
 "export_params": {
  "export_dest": "NEW_DATASET", "export_new_dataset_name": "新", "export_new_dataset_work_path": "/b/w/",
  "export_dataset_version_name": "V1", "export_dataset_version_format": "CSV", "clear_hard_property": True,
  "ratio_sample_usage": False, "train_sample_ratio": "0.80", "sample_state": "__NONE__", "samples": ["b", "a"],
  "search_conditions": [
   {"coefficient": "1", "frame_in_video": 2, "hard": "0", "import_origin": "3", "kvp": "4", "labeler": "5",
    "label_list": {"op": "AND", "labels": [{"name": "cat", "op": "OR", "property": {"a": ["b"], "c": None}, "type": 1},
                                           {"name": "dog"}]},
    "metadata": {"op": "OR", "props": {"d": ["e", "f"]}}, "parent_sample_id": "6", "sample_dir": "g/",
    "sample_name": "h.jpg", "sample_time": "20261001-20261031", "score": "0.7", "slice_thickness": "8",
    "study_date": "20261123", "time_in_video": "9"},
   {"hard": "1"}]}}
# fmt: on

# The older field table, .github/API.md, section 11: every one of these must be expressible.
# fmt: off
DOCUMENTED = [
    "annotation_format", "dataset_id", "dataset_type", "export_format", "export_params", "export_type", "path",
    "sample_state", "source_type_header", "status", "task_id", "version_format", "version_id", "with_column_header",
]
DOCUMENTED_PARAMS = [
    "clear_hard_property", "export_dataset_version_format", "export_dataset_version_name", "export_dest",
    "export_new_dataset_name", "export_new_dataset_work_path", "ratio_sample_usage", "sample_state", "samples",
    "search_conditions", "train_sample_ratio",
]
DOCUMENTED_CONDITION = [
    "coefficient", "frame_in_video", "hard", "import_origin", "kvp", "label_list", "labeler", "metadata",
    "parent_sample_id", "sample_dir", "sample_name", "sample_time", "score", "slice_thickness", "study_date",
    "time_in_video", "label_list.labels", "label_list.op", "label_list.labels.name", "label_list.labels.op",
    "label_list.labels.property", "label_list.labels.type", "metadata.op", "metadata.props",
]
# fmt: on
EVERY_DOCUMENTED_FIELD = {
    *DOCUMENTED,
    *(f"export_params.{name}" for name in DOCUMENTED_PARAMS),
    *(f"export_params.search_conditions.{name}" for name in DOCUMENTED_CONDITION),
}
