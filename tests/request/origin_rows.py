"""Where samples, the dataset and the project of a request come from: what is given, and what is used."""

from typing import NamedTuple


class Samples(NamedTuple):
    """Flags, what --samples-file holds (None for no such flag), and the list that is sent."""

    flags: str
    content: bytes | None
    sent: list[str]


class Origin(NamedTuple):
    """What the command line, the spec and variables (NAME=VALUE) say, and which of them is used."""

    words: str
    spec: str
    variables: str
    used: str

    @property
    def environ(self) -> dict[str, str]:
        """The variables as a mapping."""
        return dict(pair.split("=") for pair in self.variables.split())


# fmt: off
SAMPLES = [
    Samples("--sample b --sample a --sample b", None, ["b", "a"]),
    Samples("", b"b\na\n", ["b", "a"]),
    Samples("", b"b\na", ["b", "a"]),
    Samples("", b"b\r\na\r\n", ["b", "a"]),
    Samples("", b"\xef\xbb\xbfb\na\n", ["b", "a"]),
    Samples("", b"\n\nb\n  \n\r\n\ta \n\n", ["b", "a"]),
    Samples("", b"a\nb\na\n", ["a", "b"]),
    Samples("", b"# reviewed on Monday\n\na # blurred\n  # b\nc#1\n#\n", ["a", "c#1"]),
    Samples("", b"a\nid\nsamples\n", ["a", "id", "samples"]),
    Samples("", b"no\n0123\n2026-01-02\n", ["no", "0123", "2026-01-02"]),
    Samples("", "样本\n".encode(), ["样本"]),
    Samples("--sample c --sample a", b"a\nb\nc\n", ["c", "a", "b"]),
]
DATASETS = [
    Origin("argument", "dataset_id: spec", "MODELARTS_EXPORT_DATASET_ID=variable", "argument"),
    Origin("", "dataset_id: spec", "MODELARTS_EXPORT_DATASET_ID=variable", "spec"),
    Origin("", "dataset_id: null", "MODELARTS_EXPORT_DATASET_ID=variable", "variable"),
    Origin("", "name: x", "MODELARTS_EXPORT_DATASET_ID=variable", "variable"),
]
OWN, SDK = "MODELARTS_EXPORT_PROJECT_ID=own", "HUAWEICLOUD_SDK_PROJECT_ID=sdk"
PROJECTS = [
    Origin("--project-id flag", "project_id: spec", f"{OWN} {SDK}", "flag"),
    Origin("", "project_id: spec", f"{OWN} {SDK}", "spec"),
    Origin("", "project_id: null", f"{OWN} {SDK}", "own"),
    Origin("", "name: x", f"{OWN} {SDK}", "own"),
    Origin("", "name: x", f"MODELARTS_EXPORT_PROJECT_ID= {SDK}", "sdk"),
    Origin("", "name: x", SDK, "sdk"),
]
# fmt: on
