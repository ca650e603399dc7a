"""The promise of a submission, whatever its calls meet: never a second task that the list could have shown.

Hypothesis draws what each creation and each look meets, and how long it takes; the time is made up.
"""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelarts_export.config import Settings
from modelarts_export.errors import ModelArtsExportError, UnknownOutcomeError
from modelarts_export.reuse import Reuse
from modelarts_export.task import ExportTask
from tests.e2e.world import REQUEST, Call, Meeting, World

# What a creation meets, by what it proves of the task: that there is none, or nothing. Of the latter, some
# tell that the server is done with it.
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
    for kind in ("drop:", "drop:by=rst,", "500:", "502:", "503:code=none,")
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
    """Draw what a call meets: a word of one of these groups, each as likely as another, or nothing."""
    words = st.one_of(st.just(()), *(st.tuples(st.sampled_from(group)) for group in groups))
    return st.builds(
        lambda words, takes, foreign, halt, event: Meeting(
            words=words, takes=takes, foreign=foreign, halt=halt, **event
        ),
        *(words, TAKES, FOREIGN, HALTS, events),
    )


@dataclass(frozen=True, kw_only=True)
class Night:
    """A whole course of events, and with which patience it is met."""

    posts: list[Meeting]
    looks: list[Meeting]
    patience: Settings
    reuse: bool
    older: list[float]


@st.composite
def nights(draw: st.DrawFn) -> Night:
    """Draw a night. One with a machine that sleeps and whose clock is set is beyond any promise."""
    clock = st.sampled_from([600.0, -600.0])
    jump = draw(st.sampled_from(["suspended", "set_by"]))
    often = st.sampled_from(
        [{}, {}, {}, {}, {jump: abs(draw(clock)) if jump == "suspended" else draw(clock)}]
    )
    return Night(
        posts=draw(
            st.lists(meetings([REFUSED, BUSY, NOT_ACCEPTED, GIVEN_UP, GIVEN_UP, PENDING], often), max_size=7)
        ),
        looks=draw(st.lists(meetings([FAILING, LAGGING, LOOK_REFUSED], often), max_size=12)),
        patience=Settings(
            max_retries=draw(st.sampled_from([0, 1, 4])),
            reconcile_timeout=draw(st.sampled_from([0.0, 10.0, 60.0])),
            queue_timeout=draw(st.sampled_from([0.0, 60.0, 1800.0])),
        ),
        reuse=draw(st.booleans()),
        older=draw(st.lists(st.sampled_from([3.0, 3600.0, 90000.0]), max_size=2)),
    )


def night_of(*posts: Meeting, looks: tuple[Meeting, ...] = ()) -> Night:
    """Return one of the nights that chance seldom finds."""
    return Night(posts=[*posts], looks=[*looks], patience=Settings(), reuse=False, older=[])


@settings(max_examples=500, deadline=None)
@given(nights())
@example(night_of(NEVER_CAME, Meeting(words=("busy",))))
@example(night_of(NEVER_CAME, looks=(Meeting(words=("no-date:on=list",)),) * 20))
@example(night_of(NEVER_CAME, Meeting(words=("refuse",), halt=True)))
def test_the_promise_holds_on_any_night(night: Night) -> None:
    """Of one submission; what each creation proves is told by the words that it met."""
    world = World(posts=night.posts, looks=night.looks)
    for age in night.older:
        world.plant(REQUEST.path, age=age)
    end = world.submit(world.desk(night.patience), reuse=Reuse(reuse_running=night.reuse))
    posts = [call for call in world.calls if call.method == "POST"]
    if isinstance(end, ExportTask) and end.reused:
        assert night.reuse
        assert end.task_id in world.foreign
        assert all(map(proves_nothing_came, posts))
        return
    sent_only_with_reason(world, posts, night.patience)
    slept_within_budgets(world, posts, night.patience)
    if end is None:
        assert world.under_way
        assert world.under_way.is_in_doubt == (world.under_way.task is None and any(map(doubtful, posts)))
    else:
        ended_in_a_way_that_tells(world, posts, end, night.patience)
        lost_nothing(world, posts, end)


def doubtful(post: Call) -> bool:
    """Tell whether nobody knows what came of a creation."""
    return any(words in DOUBTFUL for words in post.met.words)


def proves_nothing_came(post: Call) -> bool:
    """Tell whether a creation was provably not accepted."""
    return any(words in PROOF for words in post.met.words)


def sent_only_with_reason(world: World, posts: list[Call], patience: Settings) -> None:
    """Check every second send: what was known of those before, and what the list showed."""
    assert sum(not proves_nothing_came(post) for post in posts) <= 2
    refused = sum(any(words in NOT_ACCEPTED for words in post.met.words) for post in posts)
    assert patience.max_retries is None or refused <= patience.max_retries + 1
    for number, (before, post) in enumerate(pairwise(posts), start=1):
        met = {*before.met.words}
        assert met, "a task was told, and yet another one was sent for"
        assert not met & {*REFUSED, *PENDING, TOO_LONG}
        assert not met & {*BUSY} or not any(map(doubtful, posts[:number])), "busy, perhaps with our own task"
        since = [call for call in world.calls if before.ended <= call.began < post.began]
        if doubtful(before):
            assert since[-1].shown is not None, "sent again without knowing what there is"
            assert post.began - before.ended >= patience.reconcile_timeout
        assert not any(call.met.halt for call in world.calls[: world.calls.index(post)])
        mine = {each.created for each in posts[:number]}
        seen = [call.shown for call in world.calls[: world.calls.index(post)] if call.shown]
        assert not any(shown & mine for shown in seen), "sent again although the list showed its task"
    if any(map(doubtful, posts)) and not posts[-1].met.words:
        assert world.calls[-1].method == "GET", "nobody looked for a twin"


def slept_within_budgets(world: World, posts: list[Call], patience: Settings) -> None:
    """Check that the pauses of retries, of the queue and of the looks were as long as they may be, in all."""
    searches = sum(map(doubtful, posts)) + 1
    looking = [seconds for began, seconds in world.slept if is_looking(world, began)]
    assert sum(looking) <= searches * patience.reconcile_timeout + 1e-6
    others = sum(seconds for _, seconds in world.slept) - sum(looking)
    assert others <= 300.0 + patience.queue_timeout + 1e-6
    asked = {"429": 60.0, "429:retry-after=2s": 2.0, "429:retry-at=9s": 8.0, "503:retry-after=3s": 3.0}
    for before, post in pairwise(posts):
        told = max((asked.get(words, 0.0) for words in before.met.words), default=0.0)
        assert post.began - before.ended >= told - 1e-6


def is_looking(world: World, when: float) -> bool:
    """Tell whether the last call before was a look for what came of a creation."""
    calls = [call for call in world.calls if call.ended <= when]
    doubted = any(call.method == "POST" and doubtful(call) for call in calls)
    return doubted and calls[-1].method == "GET"


def ended_in_a_way_that_tells(
    world: World, posts: list[Call], end: ExportTask | ModelArtsExportError, patience: Settings
) -> None:
    """Check the end against all that was sent."""
    if isinstance(end, ExportTask):
        assert world.told == [end.task_id]
        assert end.task_id in world.tasks
    elif any(map(doubtful, posts)):
        assert isinstance(end, UnknownOutcomeError)
        assert "modelarts-export list" in end.hint
        looks = world.calls[world.calls.index(posts[-1]) + 1 :]
        refused = looks[-1].met.words == LOOK_REFUSED
        assert refused or looks[-1].ended - posts[-1].ended >= patience.reconcile_timeout
        gone = {*posts[-1].met.words} <= {*GIVEN_UP} and sum(map(doubtful, posts)) == 1
        assert not gone or looks[-1].shown is None, "nobody sent it once more"
    else:
        assert end.exit_code in (3, 5, 6)
        assert not any(post.created for post in posts)


def lost_nothing(world: World, posts: list[Call], end: ExportTask | ModelArtsExportError) -> None:
    """Check that each task of ours that a look showed was told of, and that no other was taken for it."""
    ours = {post.created for post in posts if post.created}
    shown = {task_id for call in world.calls for task_id in call.shown or ()}
    known = " ".join([*world.told, *world.warnings])
    assert all(task_id in known for task_id in shown & ours)
    if isinstance(end, ExportTask) and not world.has_alike:
        assert end.task_id in ours
