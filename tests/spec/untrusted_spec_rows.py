"""Untrusted specs: V is replaced with an invalid value, X is the name of a variable."""

# fmt: off
FIELDS = [
    *("dataset_id: V", "project_id: V", "path: V", "export_type: V", "version_id: V", "with_column_header: V"),
    *("path: /bV/", "export_format: V", "status: V", "task_id: V", "sample_state: V", "source_type_header: V"),
    *(f"export_params: {{{field}}}" for field in (
        *("samples: [V]", "sample_state: V", "export_dest: V", "train_sample_ratio: V", "clear_hard_property: V"),
        *("export_dataset_version_format: V", "search_conditions: V", "samples: V", "nothing: V"),
        *(f"search_conditions: [{{{field}}}]" for field in (
            *("hard: V", "sample_time: V", "sample_dir: V", "frame_in_video: V", "label_list: V", "parent_sample_id: V"),
            *("label_list: {labels: [{type: V}]}", "label_list: {op: V}", "metadata: {props: {a: V}}"),
        )),
    )),
    "export_params: {export_dest: NEW_DATASET, export_new_dataset_name: V}",
    "path: V\nexport_params: {export_dest: NEW_DATASET, export_new_dataset_work_path: V}",
]
TWO_FIELDS = [
    "path: ${X}.x/\nexport_params: {export_dataset_version_name: '${X} '}",
    "path: ${X}/a\nexport_params: {export_dest: NEW_DATASET, export_new_dataset_name: n, export_new_dataset_work_path: '${X}/a/b/'}",
    "path: ${X}/a/\n---\npath: ${X}/a",
    "path: ${X}/\nexport_params: {export_dest: NEW_DATASET, export_new_dataset_name: 9, export_new_dataset_work_path: '${X}'}",
]
NON_MAPPINGS = [
    "API_KEY=secret9\nTOKEN=b\n", "machine a login b password secret9\n", "- secret9\n", "KEY: secret9: b\n- x",
    'KEY="secret9: b"\n"a" b: c\n', "{secret9", "secret9\x01", "@secret9",
]
LISTS = [
    ("export_params: {samples: [%s]}", "''"), ("export_params: {samples: [%s]}", "[a]"),
    ("export_params: {search_conditions: [%s]}", "{hrd: 1}"), ("export_params: {search_conditions: [%s]}", "1"),
    ("export_params: {search_conditions: [{label_list: {labels: [%s]}}]}", "{op: XOR}"),
    ("export_params: {search_conditions: [{label_list: {op: OR, labels: [%s]}}]}", "{nam: a}"),
    ("export_params: {search_conditions: [{metadata: {props: {a: [%s]}}}]}", "1"),
]
# fmt: on
