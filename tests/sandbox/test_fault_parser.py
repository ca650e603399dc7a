"""Parsing of faults and their order, without service and sockets."""

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelarts_export.config.parsers import parse_duration
from modelarts_export.quoting import describe_invalid_choice
from modelarts_export.sandbox.faults.catalog import (
    CALLS,
    KEYS,
    KINDS,
    Fault,
    Faults,
    classify_call,
    refuses_connection,
)
from modelarts_export.sandbox.faults.parser import parse_fault

CREATE = frozenset({"create"})

GOOD = [
    ("drop", Fault(kind="drop", on=CREATE, accepted=True)),
    ("drop:count=1", Fault(kind="drop", on=CREATE, accepted=True, count=1)),
    (" Drop : Accepted = NO , by=RST", Fault(kind="drop", on=CREATE, reset=True)),
    ("refuse", Fault(kind="refuse", on=CREATE, reset=True)),
    ("refuse:by=fin,on=all", Fault(kind="refuse", on=frozenset({"all"}))),
    ("stall:for=1.5m", Fault(kind="stall", on=CREATE, accepted=True, duration=90)),
    ("stall:for=2,accepted=no", Fault(kind="stall", on=CREATE, duration=2)),
    ("cut", Fault(kind="cut", on=CREATE, accepted=True)),
    ("cut:at=0", Fault(kind="cut", on=CREATE, accepted=True, at=0)),
    ("busy:after=2", Fault(kind="busy", on=CREATE, after=2, code="ModelArts.4409")),
    ("400:code=ModelArts.4420", Fault(kind="400", on=CREATE, code="ModelArts.4420")),
    (
        "403:on=projects+token",
        Fault(kind="403", on=frozenset({"projects", "token"}), code="ModelArts.0112"),
    ),
    ("408", Fault(kind="408", on=CREATE, code="ModelArts.4205")),
    ("429:retry-after=3,count=1", Fault(kind="429", on=CREATE, count=1, code="APIGW.0308", retry_after=3)),
    ("429:retry-at=1m", Fault(kind="429", on=CREATE, code="APIGW.0308", retry_at=60)),
    ("500", Fault(kind="500", on=CREATE, code="ModelArts.0010")),
    ("502:probability=.25", Fault(kind="502", on=CREATE, accepted=True, probability=0.25)),
    ("503:code=none", Fault(kind="503", on=CREATE)),
    ("503", Fault(kind="503", on=CREATE, code="ModelArts.4302")),
    ("504:code=APIGW.0201", Fault(kind="504", on=CREATE, accepted=True, code="APIGW.0201")),
    ("lag:for=3s", Fault(kind="lag", on=frozenset({"list", "show"}), duration=3)),
    ("lag:for=3s,on=show", Fault(kind="lag", on=frozenset({"show"}), duration=3)),
    ("late:for=0.2", Fault(kind="late", on=frozenset({"all"}), duration=0.2)),
    ("date:skew=14m", Fault(kind="date", on=frozenset({"all"}), skew=840)),
    ("date:skew=-2s,on=list+Show", Fault(kind="date", on=frozenset({"list", "show"}), skew=-2)),
    ("no-date:on=datasets", Fault(kind="no-date", on=frozenset({"datasets"}))),
    ("clock:skew=-14m", Fault(kind="clock", on=CREATE, skew=-840)),
]
BAD = [
    ("", "'' is not a valid fault (choose from refuse, drop"),
    ("400", "400: code is missing; write 400:code="),
    ("drp", "(choose from drop, refuse, stall and 15 more); did you mean 'drop'?"),
    ("nodate", "did you mean 'no-date'?"),
    ("404", "'404' is not a valid fault"),
    ("drop=1", "'drop=1' is not a valid fault"),
    ("drop:", "drop: '' is not KEY=VALUE"),
    ("drop:count", "drop: 'count' is not KEY=VALUE"),
    ("drop:count=", "drop: 'count=' is not KEY=VALUE"),
    ("drop:=1", "drop: '=1' is not KEY=VALUE"),
    ("drop:count=1,", "drop: '' is not KEY=VALUE"),
    ("drop:count=1,count=2", "drop: count is given twice"),
    ("drop:count=1,Count=1", "drop: count is given twice"),
    ("drop:cuont=1", "(choose from count, accepted, by and 3 more); did you mean 'count'?"),
    ("drop:retry-after=3", "drop: 'retry-after' is not a valid key"),
    ("busy:accepted=yes", "busy: 'accepted' is not a valid key (choose from code, on"),
    ("429:accepted=yes", "429: 'accepted' is not a valid key"),
    ("cut:accepted=no", "cut: 'accepted' is not a valid key"),
    ("clock:skew=1s,count=1", "clock: 'count' is not a valid key (choose from skew"),
    ("clock:skew=1s,on=all", "clock: 'on' is not a valid key (choose from skew"),
    ("drop:count=0", "drop: count: must be 1 or more"),
    ("drop:count=-1", "drop: count: '-1' is not a whole number"),
    ("drop:count=1.5", "drop: count: '1.5' is not a whole number"),
    ("drop:count=9999999999", "drop: count: '9999999999' is not a whole number"),
    ("drop:count=\u0661", "drop: count: '\u0661' is not a whole number"),
    ("drop:after=x", "drop: after: 'x' is not a whole number"),
    ("cut:at=half", "cut: at: 'half' is not a whole number"),
    ("drop:probability=0", "drop: probability: '0' is not a number above 0 and up to 1, such as 0.2"),
    ("drop:probability=1.1", "probability: '1.1' is not a number"),
    ("drop:probability=20%", "probability: '20%' is not a number"),
    ("drop:probability=nan", "probability: 'nan' is not a number"),
    ("drop:accepted=maybe", "drop: accepted: 'maybe' is not a valid value (choose from yes, no"),
    ("drop:by=rts", "drop: by: 'rts' is not a valid value (choose from fin, rst); did you mean 'rst'?"),
    ("drop:on=crate", "(choose from create, list, show and 5 more); did you mean 'create'?"),
    ("drop:on=list+", "drop: on: '' is not a valid call"),
    ("lag:for=1s,on=create", "lag: on: 'create' is not a valid call (choose from list, show"),
    ("lag:for=1s,on=all", "lag: on: 'all' is not a valid call (choose from list, show"),
    ("lag", "lag: for is missing; write lag:for=DURATION"),
    ("stall:count=1", "stall: for is missing; write stall:for=DURATION"),
    ("date", "date: skew is missing; write date:skew=[-]DURATION"),
    ("stall:for=soon", "stall: for: 'soon' is not a duration, such as 90s, 20m or 2h"),
    ("stall:for=-1s", "stall: for: '-1s' is not a duration"),
    ("date:skew=--1s", "date: skew: '-1s' is not a duration"),
    ("429:retry-after=tomorrow", "429: retry-after: 'tomorrow' is not a duration"),
    ("503:retry-after=1,retry-at=1", "503: retry-after and retry-at are one header; write one of them"),
    ("500:code=4409", "500: code: '4409' is neither an error code, such as ModelArts.0010, nor none"),
]
PROJECT = "/v2/p/datasets"
REQUESTS = [
    ("POST", f"{PROJECT}/d/export-tasks", "create"),
    ("GET", f"{PROJECT}/d/export-tasks", "list"),
    ("GET", f"{PROJECT}/d/export-tasks?limit=2", "list"),
    ("GET", f"{PROJECT}/d/export-tasks/t", "show"),
    ("GET", f"{PROJECT}?limit=1", "datasets"),
    ("GET", f"{PROJECT}/d", "datasets"),
    ("POST", f"{PROJECT}/d/export-tasks/t", "all"),
    ("PUT", f"{PROJECT}/d/export-tasks", "all"),
    ("POST", "/v3/auth/tokens?nocatalog=true", "token"),
    ("GET", "/v3/auth/tokens", "all"),
    ("GET", "/v3/projects?name=eu-de", "projects"),
    ("GET", "/v3/auth/projects", "auth-projects"),
    ("POST", "/x" + f"{PROJECT}/d/export-tasks", "all"),
]


def parse_faults(*words: str, seed: int | None = None) -> Faults:
    return Faults([parse_fault(each, parse_duration) for each in words], rng=random.Random(seed))  # noqa: S311


def find_kinds(faults: Faults, *calls: str) -> list[str]:
    """Return the faults that apply to each call."""
    return ["+".join(fault.kind for fault in faults.next_faults(each).values()) for each in calls]


def test_every_kind_of_fault_has_a_row() -> None:
    assert {fault.kind for _, fault in GOOD} == set(KINDS)


@pytest.mark.parametrize(("words", "fault"), GOOD, ids=[words for words, _ in GOOD])
def test_fault_is_parsed(words: str, fault: Fault) -> None:
    assert parse_fault(words, parse_duration) == fault


@pytest.mark.parametrize(("words", "error"), BAD)
def test_parse_error_names_the_wrong_part(words: str, error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(error)):
        parse_fault(words, parse_duration, describe_invalid_choice)


def test_rows_cover_every_kind_and_key() -> None:
    assert {words.strip().lower().partition(":")[0].strip() for words, _ in GOOD} == set(KINDS)
    assert [key for key in KEYS if not any(f"{key}=" in words for words, _ in GOOD)] == []
    assert {key for kind in KINDS.values() for key in (*kind.keys, *kind.defaults)} == set(KEYS)


@pytest.mark.parametrize(("method", "target", "name"), REQUESTS)
def test_request_is_classified(method: str, target: str, name: str) -> None:
    assert classify_call(method, target) == name
    assert name in CALLS


def test_fault_without_count_has_no_limit() -> None:
    assert find_kinds(parse_faults("drop"), *["create"] * 50) == ["drop"] * 50


def test_only_matching_calls_are_counted() -> None:
    some = parse_faults("drop:on=create+show,after=1,count=2")
    calls = ["list", "create", "list", "show", "datasets", "create", "all", "create"]
    assert find_kinds(some, *calls) == ["", "", "", "drop", "", "drop", "", ""]


def test_faults_apply_in_their_order() -> None:
    some = parse_faults("drop:count=1", "502:count=2,after=1", "busy:count=1")
    assert find_kinds(some, *["create"] * 6) == ["drop", "busy", "502", "502", "", ""]


def test_first_fault_of_each_aspect_applies() -> None:
    some = parse_faults(
        "no-date:count=1", "date:skew=1s", "lag:for=1s", "lag:for=9s", "late:for=2s", "500:on=list"
    )
    assert find_kinds(some, "list", "create") == ["no-date+lag+late+500", "date+late"]
    assert parse_faults("lag:for=1s", "lag:for=9s").next_faults("show")["lag"].duration == 1


def test_all_matches_every_call() -> None:
    assert find_kinds(parse_faults("drop:on=all"), *CALLS) == ["drop"] * len(CALLS)


def test_probability_is_repeatable_by_seed() -> None:
    calls = ["create"] * 400
    one, same, other = (parse_faults("502:probability=0.2", seed=seed) for seed in (7, 7, 8))
    struck = find_kinds(one, *calls)
    assert struck == find_kinds(same, *calls)
    assert struck != find_kinds(other, *calls)
    assert 50 < struck.count("502") < 110


def test_fault_with_probability_one_draws_no_number() -> None:
    calls = ["create"] * 50
    assert find_kinds(parse_faults("502:probability=0.5", seed=7), *calls) == find_kinds(
        parse_faults("drop:count=1,on=list", "late:for=1s,on=list", "502:probability=0.5", seed=7), *calls
    )
    with_date = find_kinds(parse_faults("date:skew=1s", "502:probability=0.5", seed=7), *calls)
    assert [each.removeprefix("date").strip("+") for each in with_date] == find_kinds(
        parse_faults("502:probability=0.5", seed=7), *calls
    )


def test_count_limits_a_fault_with_probability() -> None:
    assert (
        find_kinds(parse_faults("502:probability=0.5,count=3", seed=1), *["create"] * 100).count("502") == 3
    )


def test_counts_are_exact_in_many_threads() -> None:
    some = parse_faults("drop:after=100,count=300", "502:count=250", "late:for=1s,count=500")
    with ThreadPoolExecutor(16) as pool:
        struck = list(pool.map(lambda _: find_kinds(some, "create")[0], range(2000)))
    answers = [each.removesuffix("late").strip("+") for each in struck]
    assert (answers.count("drop"), answers.count("502")) == (300, 250)
    assert len([each for each in struck if each.endswith("late")]) == 500


def test_count_is_exact_with_concurrent_draws() -> None:
    class Slow(random.Random):
        def random(self) -> float:
            time.sleep(0.001)
            return 0.0

    some = Faults([parse_fault("502:probability=0.5,count=5", parse_duration)], rng=Slow())
    with ThreadPoolExecutor(16) as pool:
        struck = list(pool.map(lambda _: find_kinds(some, "create")[0], range(40)))
    assert struck.count("502") == 5


def test_clock_skews_add_up_and_apply_to_no_call() -> None:
    some = parse_faults("clock:skew=14m", "clock:skew=-1m")
    assert some.clock_skew == 780
    assert find_kinds(some, "create") == [""]


def test_only_refuse_closes_before_the_request_is_read() -> None:
    given = [
        (name, [f"{key}={'none' if key == 'code' else 1}" for key in KINDS[name].required]) for name in KINDS
    ]
    words = [f"{name}:{','.join(keys)}".rstrip(":") for name, keys in given]
    early = [
        each
        for each in words
        if any(refuses_connection(parse_faults(each).next_faults(name)) for name in CALLS)
    ]
    assert early == ["refuse"]
