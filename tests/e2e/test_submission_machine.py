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
from modelarts_export.submission.reuse import ReusePolicy
from tests.e2e.world import CALM, REQUEST, Call, Meeting, World

# Faults of create calls, by what they prove: that no task was created, or nothing. After some of the latter
# the server has finished the request.
REFUSED = ("busy:code=ModelArts.4351", "busy:code=ModelArts.4352", "busy:code=ModelArts.0104")
BUSY = ("busy", "busy:code=ModelArts.4343", "busy:code=ModelArts.4356")
TOO_LONG = "429:retry-after=10m"
NOT_ACCEPTED = (
    *("refuse", "429", "429:retry-after=2s", "429:retry-at=9s", TOO_LONG),
    *("503", "503:retry-after=3s"),
)
PROOF = (*REFUSED, *BUSY, *NOT_ACCEPTED)
GIVEN_UP = tuple(
    f"{kind}accepted={accepted}"
    for kind in ("drop:", "drop:by=rst,", "500:", "502:", "503:code=none,", "503:code=none,retry-after=90s,")
    for accepted in ("yes", "no")
)
PENDING = (
    *("stall:for=90s,accepted=yes", "stall:for=90s,accepted=no", "cut", "cut:at=0"),
    *("408:accepted=yes", "408:accepted=no", "504:accepted=yes", "504:accepted=no"),
)
DOUBTFUL = (*GIVEN_UP, *PENDING)
FAILING = (
    "drop:on=list",
    "502:on=list",
    "429:on=list",
    "429:on=list,retry-after=3s",
    "cut:on=list",
    "no-date:on=list",
)
LAGGING = ("lag:for=3s", "lag:for=40s", "lag:for=40s")
LOOK_REFUSED = ("busy:on=list,code=ModelArts.0104",)

NEVER_CAME = Meeting(words=("drop:accepted=no",))

TAKES = st.sampled_from([0.02, 0.2, 3.0, 29.0])
FOREIGN = st.sampled_from(["", "", "", REQUEST.path, "/bucket/elsewhere/"])
HALTS = st.sampled_from([False] * 9 + [True])


def meetings(
    groups: list[tuple[str, ...]], events: st.SearchStrategy[dict[str, float]]
) -> st.SearchStrategy[Meeting]:
    """Draw the faults of a call: one of one of these groups, all equally likely, or none."""
    words = st.one_of(st.just(()), *(st.tuples(st.sampled_from(group)) for group in groups))
    return st.builds(
        lambda words, takes, foreign, halt, event: Meeting(
            words=words, takes=takes, foreign=foreign, halt=halt, **event
        ),
        *(words, TAKES, FOREIGN, HALTS, events),
    )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The faults of all calls, and the settings of the client."""

    posts: list[Meeting]
    looks: list[Meeting]
    patience: Settings
    reuse: bool
    older: list[float]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Draw a scenario; suspending the machine and setting its clock are not combined."""
    clock = st.sampled_from([700.0, -700.0])  # once is near enough for a Date to be usable, and twice is not
    jump = draw(st.sampled_from(["suspended", "set_by"]))
    often = st.sampled_from(
        [{}, {}, {}, {}, {jump: abs(draw(clock)) if jump == "suspended" else draw(clock)}]
    )
    return Scenario(
        posts=draw(
            st.lists(meetings([REFUSED, BUSY, NOT_ACCEPTED, GIVEN_UP, GIVEN_UP, PENDING], often), max_size=7)
        ),
        looks=draw(st.lists(meetings([FAILING, LAGGING, LOOK_REFUSED], often), max_size=12)),
        patience=Settings(
            max_retries=draw(st.sampled_from([0, 1, 4])),
            reconcile_timeout=draw(st.sampled_from([0.0, 10.0, 60.0])),
            queue_timeout=draw(st.sampled_from([0.0, 60.0, 1800.0])),
            on_lost_reply=draw(st.sampled_from(["resend", "resend", "resend", "stop"])),
        ),
        reuse=draw(st.booleans()),
        older=draw(st.lists(st.sampled_from([3.0, 3600.0, 90000.0]), max_size=2)),
    )


def scenario_of(*posts: Meeting, looks: tuple[Meeting, ...] = (), reuse: bool = False) -> Scenario:
    """Return a scenario that is rarely drawn."""
    return Scenario(posts=[*posts], looks=[*looks], patience=Settings(), reuse=reuse, older=[])


ACCEPTED_WITHOUT_REPLY = Meeting(words=("drop:accepted=yes",))
UNDATED = Meeting(words=("no-date:on=list",))
# The first of these polls leaves it open whether a task is older than the send; later ones do not show it.
HIDDEN_AGAIN = (
    Meeting(takes=29.0),
    Meeting(words=("drop:on=list",)),
    Meeting(words=("lag:for=40s",)),
    *(Meeting(words=LOOK_REFUSED) for _ in range(9)),
)


@settings(max_examples=max(500, settings().max_examples), deadline=None)
@given(scenarios())
@example(scenario_of(NEVER_CAME, Meeting(words=("busy",))))
@example(scenario_of(NEVER_CAME, looks=(UNDATED,) * 20))
@example(scenario_of(NEVER_CAME, Meeting(words=("refuse",), halt=True)))
@example(scenario_of(NEVER_CAME, Meeting(halt=True)))
@example(scenario_of(NEVER_CAME, looks=(CALM, *(UNDATED,) * 20), reuse=True))
@example(scenario_of(ACCEPTED_WITHOUT_REPLY, looks=HIDDEN_AGAIN))
@example(scenario_of(ACCEPTED_WITHOUT_REPLY, looks=HIDDEN_AGAIN[:3]))
def test_submission_creates_no_duplicate_in_any_scenario(scenario: Scenario) -> None:
    """The fault of each create call says what it proves."""
    world = World(posts=scenario.posts, looks=scenario.looks)
    for age in scenario.older:
        world.plant(REQUEST.path, age=age)
    end = world.submit(scenario.patience, reuse=ReusePolicy(reuse_running=scenario.reuse))
    posts = [call for call in world.calls if call.method == "POST"]
    if isinstance(end, ExportTask) and end.reused:
        assert scenario.reuse
        assert end.task_id in world.foreign
        assert all(map(proves_nothing_came, posts))
        return
    sent_only_with_reason(world, posts, scenario)
    slept_within_budgets(world, posts, scenario.patience)
    if end is None:
        assert world.under_way
        assert world.under_way.outcome_unknown == (world.under_way.task is None and any(map(doubtful, posts)))
    else:
        ended_in_a_way_that_tells(world, posts, end, scenario)
        lost_nothing(world, posts, end, scenario)


def is_usable(call: Call, scenario: Scenario) -> bool:
    """Tell whether a call returned a list that separates new tasks from older ones."""
    return call.shown is not None and (call.dated or scenario.reuse)  # who may reuse has read it before


def doubtful(post: Call) -> bool:
    """Tell whether the outcome of a create call is unknown."""
    return any(words in DOUBTFUL for words in post.met.words)


def proves_nothing_came(post: Call) -> bool:
    """Tell whether a create call was provably not accepted."""
    return any(words in PROOF for words in post.met.words)


def sent_only_with_reason(world: World, posts: list[Call], scenario: Scenario) -> None:
    """Check each send after the first against the outcomes and polls before it."""
    patience = scenario.patience
    assert sum(not proves_nothing_came(post) for post in posts) <= 2
    refused = sum(any(words in NOT_ACCEPTED for words in post.met.words) for post in posts)
    assert patience.max_retries is None or refused <= patience.max_retries + 1
    for number, (before, post) in enumerate(pairwise(posts), start=1):
        met = {*before.met.words}
        assert met, "a task was created, and another one was requested"
        assert not met & {*REFUSED, *PENDING, TOO_LONG}
        is_doubtful = any(map(doubtful, posts[:number]))
        assert not met & {*BUSY} or not is_doubtful, "busy, perhaps with our own task"
        before_post = world.calls[: world.calls.index(post)]
        if is_doubtful:
            assert patience.on_lost_reply == "resend"
            assert before_post[-1].method == "GET", "sent again without a poll"
            assert is_usable(before_post[-1], scenario), "sent again without a usable list"
            assert post.began - before_post[-1].ended <= 1.0, "sent again long after the poll"
        if doubtful(before):
            assert_polled_to_the_end(world, before, post.began, patience)
        assert not any(call.met.halt for call in before_post)
        mine = {each.created for each in posts[:number]}
        seen = [call.shown for call in before_post if call.shown]
        assert not any(shown & mine for shown in seen), "sent again although the list showed its task"
    if any(map(doubtful, posts)) and not posts[-1].met.words and not was_halted(world):
        assert world.calls[-1].method == "GET", "the list was not polled for a duplicate"


def was_halted(world: World) -> bool:
    """Tell whether the submission was interrupted; it then makes no further call."""
    return any(call.met.halt for call in world.calls)


def assert_polled_to_the_end(world: World, post: Call, end: float, patience: Settings) -> None:
    """Check that the list was polled until there was no time left for another poll as long as the last."""
    polls = [call for call in world.calls if post.ended <= call.began and call.ended <= end + 1e-6]
    longest = max((poll.ended - poll.began for poll in polls), default=0.0)
    assert polls
    assert polls[-1].ended - post.ended >= patience.reconcile_timeout - longest - 2


def slept_within_budgets(world: World, posts: list[Call], patience: Settings) -> None:
    """Check the total pauses of retries, queue and polls against their limits."""
    searches = sum(map(doubtful, posts)) + 1 + len(posts)  # and one before each send, at most
    looking = [seconds for began, seconds in world.slept if is_looking(world, began)]
    assert sum(looking) <= searches * patience.reconcile_timeout + 90.0 + 1e-6  # that is a Retry-After
    others = sum(seconds for _, seconds in world.slept) - sum(looking)
    assert others <= 300.0 + patience.queue_timeout + 1e-6
    asked = {"429": 60.0, "429:retry-after=2s": 2.0, "429:retry-at=9s": 8.0, "503:retry-after=3s": 3.0}
    asked |= {f"503:code=none,retry-after=90s,accepted={word}": 90.0 for word in ("yes", "no")}
    for before, post in pairwise(posts):
        told = max((asked.get(words, 0.0) for words in before.met.words), default=0.0)
        assert post.began - before.ended >= told - 1e-6


def is_looking(world: World, when: float) -> bool:
    """Tell whether the last call before was a poll that reconciles a create call."""
    calls = [call for call in world.calls if call.ended <= when]
    doubted = any(call.method == "POST" and doubtful(call) for call in calls)
    return doubted and calls[-1].method == "GET"


def ended_in_a_way_that_tells(
    world: World, posts: list[Call], end: ExportTask | ModelArtsExportError, scenario: Scenario
) -> None:
    """Check the result against the calls."""
    patience = scenario.patience
    if isinstance(end, ExportTask):
        assert world.told == [end.task_id]
        assert end.task_id in world.tasks
        sent_twice = sum(not proves_nothing_came(post) for post in posts) > 1
        assert world.resends == ([end.task_id] if sent_twice else [])
    elif any(map(doubtful, posts)):
        assert isinstance(end, UnknownOutcomeError)
        assert (end.path, end.since is None) == (REQUEST.path, False)
        looks = world.calls[world.calls.index(posts[-1]) + 1 :]
        assert_polled_to_the_end(world, posts[-1], looks[-1].ended, patience)
        if doubtful(posts[-1]):
            longest = max(patience.reconcile_timeout, 5.0) + 1
            is_asked = any("retry-after=90s" in words for words in posts[-1].met.words)  # then it polls again
            assert looks[-1].ended - posts[-1].ended <= (2 * longest + 90 if is_asked else longest)
        gone = {*posts[-1].met.words} <= {*GIVEN_UP} and sum(map(doubtful, posts)) == 1
        gone = gone and patience.on_lost_reply == "resend"
        assert not gone or not is_usable(looks[-1], scenario), "the request was not sent again"
    else:
        assert end.exit_code in (3, 5, 6)
        assert not any(post.created for post in posts)


def lost_nothing(
    world: World, posts: list[Call], end: ExportTask | ModelArtsExportError, scenario: Scenario
) -> None:
    """Check that each listed task of the submission was reported, and no other task returned."""
    ours = {post.created for post in posts if post.created}
    shown = {
        task_id for call in world.calls if is_usable(call, scenario) and call.shown for task_id in call.shown
    }
    known = " ".join([*world.told, *world.warnings])
    assert all(task_id in known for task_id in shown & ours)
    if isinstance(end, ExportTask) and not world.has_alike:
        assert end.task_id in ours
