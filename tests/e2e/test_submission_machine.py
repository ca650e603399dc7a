"""Submissions with random faults: no second task is created when the list shows the first.

Hypothesis draws the faults and the duration of each create call and each poll; the time is simulated.
"""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelarts_export.api.task import ExportTask
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, UnknownOutcomeError
from modelarts_export.submission.reuse_policy import ReusePolicy
from tests.e2e.simulated_environment import NO_FAULTS, REQUEST, Call, CallSetup, SimulatedEnvironment

# Faults of create calls, by what they prove: that no task was created, or nothing. After some of the latter
# the server has finished the request.
REFUSED = ("busy:code=ModelArts.4351", "busy:code=ModelArts.4352", "busy:code=ModelArts.0104")
BUSY = ("busy", "busy:code=ModelArts.4343", "busy:code=ModelArts.4356")
TOO_LONG = "429:retry-after=10m"
NOT_ACCEPTED = (
    *("refuse", "429", "429:retry-after=2s", "429:retry-at=9s", TOO_LONG),
    *("503", "503:retry-after=3s"),
)
PROOF_OF_REFUSAL = (*REFUSED, *BUSY, *NOT_ACCEPTED)
GIVEN_UP = tuple(
    f"{kind}accepted={accepted}"
    for kind in ("drop:", "drop:by=rst,", "500:", "502:", "503:code=none,", "503:code=none,retry-after=90s,")
    for accepted in ("yes", "no")
)
PENDING = (
    *("stall:for=90s,accepted=yes", "stall:for=90s,accepted=no", "cut", "cut:at=0"),
    *("408:accepted=yes", "408:accepted=no", "504:accepted=yes", "504:accepted=no"),
)
UNKNOWN_OUTCOME = (*GIVEN_UP, *PENDING)
FAILING = (
    "drop:on=list",
    "502:on=list",
    "429:on=list",
    "429:on=list,retry-after=3s",
    "cut:on=list",
    "no-date:on=list",
)
LAGGING = ("lag:for=3s", "lag:for=40s", "lag:for=40s")
REFUSED_POLL = ("busy:on=list,code=ModelArts.0104",)

NOT_RECEIVED = CallSetup(faults=("drop:accepted=no",))

DURATIONS = st.sampled_from([0.02, 0.2, 3.0, 29.0])
FOREIGN = st.sampled_from(["", "", "", REQUEST.path, "/bucket/elsewhere/"])
CANCELS = st.sampled_from([False] * 9 + [True])


def draw_call_setups(
    groups: list[tuple[str, ...]], events: st.SearchStrategy[dict[str, float]]
) -> st.SearchStrategy[CallSetup]:
    """Draw a call with no fault or with one fault; groups of faults are equally likely."""
    faults = st.one_of(st.just(()), *(st.tuples(st.sampled_from(group)) for group in groups))
    return st.builds(
        lambda faults, duration, foreign, cancel, event: CallSetup(
            faults=faults, duration=duration, foreign=foreign, cancel=cancel, **event
        ),
        *(faults, DURATIONS, FOREIGN, CANCELS, events),
    )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The faults of all calls, and the settings of the client."""

    posts: list[CallSetup]
    polls: list[CallSetup]
    settings: Settings
    reuse: bool
    older: list[float]


@st.composite
def draw_scenario(draw: st.DrawFn) -> Scenario:
    """Draw a scenario; suspending the machine and setting its clock are not combined."""
    clock = st.sampled_from([700.0, -700.0])  # a Date header is usable after one such step, not after two
    jump = draw(st.sampled_from(["suspended", "set_by"]))
    often = st.sampled_from(
        [{}, {}, {}, {}, {jump: abs(draw(clock)) if jump == "suspended" else draw(clock)}]
    )
    return Scenario(
        posts=draw(
            st.lists(
                draw_call_setups([REFUSED, BUSY, NOT_ACCEPTED, GIVEN_UP, GIVEN_UP, PENDING], often),
                max_size=7,
            )
        ),
        polls=draw(st.lists(draw_call_setups([FAILING, LAGGING, REFUSED_POLL], often), max_size=12)),
        settings=Settings(
            max_retries=draw(st.sampled_from([0, 1, 4])),
            reconcile_timeout=draw(st.sampled_from([0.0, 10.0, 60.0])),
            queue_timeout=draw(st.sampled_from([0.0, 60.0, 1800.0])),
            on_lost_reply=draw(st.sampled_from(["resend", "resend", "resend", "stop"])),
        ),
        reuse=draw(st.booleans()),
        older=draw(st.lists(st.sampled_from([3.0, 3600.0, 90000.0]), max_size=2)),
    )


def make_scenario(*posts: CallSetup, polls: tuple[CallSetup, ...] = (), reuse: bool = False) -> Scenario:
    """Return a scenario for an explicit example."""
    return Scenario(posts=[*posts], polls=[*polls], settings=Settings(), reuse=reuse, older=[])


ACCEPTED_WITHOUT_REPLY = CallSetup(faults=("drop:accepted=yes",))
UNDATED = CallSetup(faults=("no-date:on=list",))
# The first of these polls leaves it open whether a task is older than the send; later ones do not show it.
HIDDEN_AGAIN = (
    CallSetup(duration=29.0),
    CallSetup(faults=("drop:on=list",)),
    CallSetup(faults=("lag:for=40s",)),
    *(CallSetup(faults=REFUSED_POLL) for _ in range(9)),
)


@settings(max_examples=max(250, settings().max_examples), deadline=None)
@given(draw_scenario())
@example(make_scenario(NOT_RECEIVED, CallSetup(faults=("busy",))))
@example(make_scenario(NOT_RECEIVED, polls=(UNDATED,) * 20))
@example(make_scenario(NOT_RECEIVED, CallSetup(faults=("refuse",), cancel=True)))
@example(make_scenario(NOT_RECEIVED, CallSetup(faults=("refuse",), duration=0.02)))
@example(make_scenario(NOT_RECEIVED, CallSetup(cancel=True)))
@example(make_scenario(NOT_RECEIVED, polls=(NO_FAULTS, *(UNDATED,) * 20), reuse=True))
@example(make_scenario(ACCEPTED_WITHOUT_REPLY, polls=HIDDEN_AGAIN))
@example(make_scenario(ACCEPTED_WITHOUT_REPLY, polls=HIDDEN_AGAIN[:3]))
def test_submission_creates_no_duplicate_in_any_scenario(scenario: Scenario) -> None:
    """The faults of create calls show which pauses, polls and results are allowed."""
    environment = SimulatedEnvironment(posts=scenario.posts, polls=scenario.polls)
    for age in scenario.older:
        environment.add_foreign_task(REQUEST.path, age=age)
    result = environment.submit(scenario.settings, reuse=ReusePolicy(reuse_running=scenario.reuse))
    posts = [call for call in environment.calls if call.method == "POST"]
    if isinstance(result, ExportTask) and result.reused:
        assert scenario.reuse
        assert result.task_id in environment.foreign_ids
        assert all(map(was_not_accepted, posts))
        return
    check_sends(environment, posts, scenario)
    check_pauses(environment, posts, scenario.settings)
    if result is None:
        assert environment.submission
        assert environment.submission.outcome_unknown == (
            environment.submission.task is None and any(map(has_unknown_outcome, posts))
        )
    else:
        check_result(environment, posts, result, scenario)
        check_tasks(environment, posts, result, scenario)


def is_usable(call: Call, scenario: Scenario) -> bool:
    """Return whether a call returned a list that separates new tasks from older ones."""
    return call.listed_ids is not None and (
        call.dated or scenario.reuse
    )  # with reuse, the list was read before


def has_unknown_outcome(post: Call) -> bool:
    """Return whether the outcome of a create call is unknown."""
    return any(fault in UNKNOWN_OUTCOME for fault in post.setup.faults)


def was_not_accepted(post: Call) -> bool:
    """Return whether a create call was provably not accepted."""
    return any(fault in PROOF_OF_REFUSAL for fault in post.setup.faults)


def check_sends(environment: SimulatedEnvironment, posts: list[Call], scenario: Scenario) -> None:
    """Check each send after the first against the outcomes and polls before it."""
    limits = scenario.settings
    assert sum(not was_not_accepted(post) for post in posts) <= 2
    refused = sum(any(fault in NOT_ACCEPTED for fault in post.setup.faults) for post in posts)
    assert limits.max_retries is None or refused <= limits.max_retries + 1
    for number, (before, post) in enumerate(pairwise(posts), start=1):
        faults = {*before.setup.faults}
        assert faults, "a task was created, and another one was requested"
        assert not faults & {*REFUSED, *PENDING, TOO_LONG}
        is_unknown = any(map(has_unknown_outcome, posts[:number]))
        assert not faults & {*BUSY} or not is_unknown, "busy, perhaps with our own task"
        before_post = environment.calls[: environment.calls.index(post)]
        if is_unknown:
            assert limits.on_lost_reply == "resend"
            assert before_post[-1].method == "GET", "sent again without a poll"
            assert is_usable(before_post[-1], scenario), "sent again without a usable list"
            assert post.started - before_post[-1].ended <= 1.0, "sent again long after the poll"
        if has_unknown_outcome(before):
            check_polls(environment, before, post.started, limits)
        assert not any(call.setup.cancel for call in before_post)
        own_ids = {each.created for each in posts[:number]}
        lists = [call.listed_ids for call in before_post if call.listed_ids]
        assert not any(shown & own_ids for shown in lists), "sent again although the list showed its task"
    if any(map(has_unknown_outcome, posts)) and not posts[-1].setup.faults and not was_canceled(environment):
        assert environment.calls[-1].method == "GET", "the list was not polled for a duplicate"


def was_canceled(environment: SimulatedEnvironment) -> bool:
    """Return whether the submission was canceled; it then makes no further call."""
    return any(call.setup.cancel for call in environment.calls)


def check_polls(environment: SimulatedEnvironment, post: Call, result: float, limits: Settings) -> None:
    """Check that the list was polled until less time was left than the longest poll took."""
    polls = [call for call in environment.calls if post.ended <= call.started and call.ended <= result + 1e-6]
    longest = max((poll.ended - poll.started for poll in polls), default=0.0)
    assert polls
    assert polls[-1].ended - post.ended >= limits.reconcile_timeout - longest - 2


def check_pauses(environment: SimulatedEnvironment, posts: list[Call], limits: Settings) -> None:
    """Check the total pauses of retries, queue and polls against their limits."""
    reconciliations = (
        sum(map(has_unknown_outcome, posts)) + 1 + len(posts)
    )  # at most, with one before each POST
    reconciling = [seconds for began, seconds in environment.sleeps if is_reconciling(environment, began)]
    assert (
        sum(reconciling) <= reconciliations * limits.reconcile_timeout + 90.0 + 1e-6
    )  # the 90 s are a Retry-After
    others = sum(seconds for _, seconds in environment.sleeps) - sum(reconciling)
    assert others <= 300.0 + limits.queue_timeout + 1e-6
    retry_after_of = {
        "429": 60.0,
        "429:retry-after=2s": 2.0,
        "429:retry-at=9s": 8.0,
        "503:retry-after=3s": 3.0,
    }
    retry_after_of |= {f"503:code=none,retry-after=90s,accepted={word}": 90.0 for word in ("yes", "no")}
    for before, post in pairwise(posts):
        retry_after = max((retry_after_of.get(fault, 0.0) for fault in before.setup.faults), default=0.0)
        assert post.started - before.ended >= retry_after - 1e-6


def is_reconciling(environment: SimulatedEnvironment, when: float) -> bool:
    """Return whether the last call before was a poll that reconciles a create call."""
    calls = [call for call in environment.calls if call.ended <= when]
    is_unknown = any(call.method == "POST" and has_unknown_outcome(call) for call in calls)
    return is_unknown and calls[-1].method == "GET"


def check_result(
    environment: SimulatedEnvironment,
    posts: list[Call],
    result: ExportTask | ModelArtsExportError,
    scenario: Scenario,
) -> None:
    """Check the result against the calls."""
    limits = scenario.settings
    if isinstance(result, ExportTask):
        assert environment.reported_ids == [result.task_id]
        assert result.task_id in environment.tasks
        sent_twice = sum(not was_not_accepted(post) for post in posts) > 1
        assert environment.resends == ([result.task_id] if sent_twice else [])
    elif any(map(has_unknown_outcome, posts)):
        assert isinstance(result, UnknownOutcomeError)
        assert (result.path, result.since is None) == (REQUEST.path, False)
        polls = environment.calls[environment.calls.index(posts[-1]) + 1 :]
        check_polls(environment, posts[-1], polls[-1].ended, limits)
        if has_unknown_outcome(posts[-1]):
            longest = max(limits.reconcile_timeout, 5.0) + 1
            is_asked = any(
                "retry-after=90s" in fault for fault in posts[-1].setup.faults
            )  # polls go on after the pause
            assert polls[-1].ended - posts[-1].ended <= (2 * longest + 90 if is_asked else longest)
        must_resend = {*posts[-1].setup.faults} <= {*GIVEN_UP} and sum(map(has_unknown_outcome, posts)) == 1
        must_resend = must_resend and limits.on_lost_reply == "resend"
        assert not must_resend or not is_usable(polls[-1], scenario), "the request was not sent again"
    else:
        assert result.exit_code in (3, 5, 6)
        assert not any(post.created for post in posts)


def check_tasks(
    environment: SimulatedEnvironment,
    posts: list[Call],
    result: ExportTask | ModelArtsExportError,
    scenario: Scenario,
) -> None:
    """Check that each listed task of the submission was reported, and no other task returned."""
    ours = {post.created for post in posts if post.created}
    shown = {
        task_id
        for call in environment.calls
        if is_usable(call, scenario) and call.listed_ids
        for task_id in call.listed_ids
    }
    reported = " ".join([*environment.reported_ids, *environment.warnings])
    assert all(task_id in reported for task_id in shown & ours)
    if isinstance(result, ExportTask) and not environment.has_matching_task:
        assert result.task_id in ours
