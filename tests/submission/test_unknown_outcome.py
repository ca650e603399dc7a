"""What becomes of a submission after a send of which nobody knows the end, beside what the matrix has."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, UnknownOutcomeError
from modelarts_export.request.models import NewDatasetParams, ToNewDataset, ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.reuse import ReusePolicy
from tests.submission.layers import changing_lists, instead, meanwhile, saying
from tests.submission.worlds import EXPORT, Layer, World, make_clock, make_submission, submit

LOST, LOST_UNREAD = "drop:count=1", "drop:count=1,accepted=no"
LATE, NEVER = "lag:for=75s", "lag:for=30m"  # later than a minute of looks, and than two of them
NEW = ToNewDataset(
    path="/test-obs/out/",
    export_params=NewDatasetParams(
        export_new_dataset_name="cats", export_new_dataset_work_path="/test-obs/work/"
    ),
)


def ids(world: World) -> list[str]:
    """Return the IDs of our tasks, in their order."""
    return [task.task_id for task in world.ours]


@pytest.mark.parametrize("code", ["ModelArts.4351", "ModelArts.4364"])
@pytest.mark.parametrize(("lag", "ends"), [(LATE, 0), (NEVER, 10)])
def test_a_name_that_our_first_task_took(code: str, lag: str, ends: int) -> None:
    """The sandbox refuses the resend, for the first send is at work on that very dataset."""

    def worded(_: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        return replace(reply, body=reply.body.replace(b"ModelArts.4351", code.encode()))

    world = World(faults=(LOST, lag), in_front=worded)
    world.plant(age=3600)
    end = submit(world, NEW)
    assert (end.code, len(world.posts), len(world.ours)) == (ends, 2, 1)
    assert world.heard.found_ids == (ids(world) if ends == 0 else [])
    assert end.task is None or end.task.task_id == ids(world)[0]


@pytest.mark.parametrize(("lag", "ends"), [(LATE, 0), (NEVER, 10)])
def test_a_dataset_that_our_first_task_keeps_busy(lag: str, ends: int) -> None:
    """It is not waited for, but looked for."""
    world = World(faults=(LOST, "busy", lag))
    end = submit(world)
    assert (end.code, len(world.posts), world.heard.found_ids) == (ends, 2, ids(world) if ends == 0 else [])
    assert world.now - world.posts[-1] < 61


AFTERWARDS = {
    "busy": "busy",
    "refuse": "refuse",
    "429": "429",
    "429 for an hour": "429:retry-after=1h",
    "503": "503:retry-after=1s",
}


@pytest.mark.parametrize("fault", AFTERWARDS.values(), ids=AFTERWARDS)
def test_trouble_afterwards(fault: str) -> None:
    """Nothing was accepted by this send, but who knows of the first one: 10, and never an older twin."""
    world = World(faults=(LOST_UNREAD, fault))
    world.plant(age=10)
    end = submit(world)
    assert (end.code, len(world.ours)) == (10, 0)
    assert isinstance(end.error, UnknownOutcomeError)
    assert end.error.path == EXPORT.path
    assert end.error.since == pytest.approx(world.posts[0] - 5, abs=1.5)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 413])
def test_a_refusal_afterwards(status: int) -> None:
    """2 to 6 are impossible then."""
    world = World(faults=(LOST_UNREAD,), in_front=instead(status, {"error_code": "ModelArts.4358"}, first=2))
    world.plant(age=10)
    end = submit(world)
    assert (end.code, len(world.posts)) == (10, 2)
    assert end.error
    assert end.error.http_status == status


def test_a_lost_reply_after_a_refusal() -> None:
    """What provably was not accepted leaves no doubt: the search is for the send after it."""
    world = World(faults=("429:count=1,retry-after=30s", LOST_UNREAD))
    world.plant(age=-15.0)  # by somebody else, between the two
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours)) == (0, 3, 1)
    assert end.task
    assert end.task.task_id == ids(world)[0]


PAUSES = ["429:count=1,retry-after=30s", "503:count=1,retry-after=30s", "refuse:count=4", "429:count=2"]


@pytest.mark.parametrize("pause", PAUSES)
def test_the_list_is_polled_before_each_further_send(pause: str) -> None:
    """The first task is listed by then: after the pause of a resend, nothing is sent but a poll."""
    world = World(faults=(LOST, pause, "lag:for=61.5s"))
    end = submit(world, settings=Settings(max_retries=9))
    assert (end.code, len(world.ours), world.heard.resends) == (0, 1, [])
    assert end.task
    assert [end.task.task_id] == ids(world) == world.heard.found_ids


@pytest.mark.parametrize(("polls", "code"), [("500:on=list,after=8,count=2", 0), ("500:on=list,after=8", 10)])
def test_nothing_is_sent_while_the_list_cannot_be_polled(polls: str, code: int) -> None:
    """A poll that fails before another send is repeated for as long as after a lost reply."""
    world = World(faults=(LOST_UNREAD, "429:count=1,retry-after=9s", polls))
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours)) == (code, 3 if code == 0 else 2, int(code == 0))
    assert world.looks[8] - world.posts[1] >= 9


def test_a_poll_before_another_send_waits_for_a_gate_that_is_closed() -> None:
    """Other submissions close it; what a poll showed before that is of no use after it."""
    world = World(faults=(LOST, "lag:for=80s"))
    coordinator, clock = SubmissionCoordinator(), make_clock(world)

    def closed(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        if request.method == "GET":
            coordinator.throttle(30.0, clock)
        return answer()

    world.in_front = closed
    task = make_submission(world, coordinator=coordinator).run()
    assert [task.task_id] == ids(world)


def test_a_duplicate_that_is_listed_late() -> None:
    """The second send is told of at once, and the first task when it is listed, by a second check."""
    world = World(faults=(LOST, LATE))
    submission = make_submission(world)
    second = submission.run().task_id
    first, other = ids(world)
    assert (second, world.heard.warnings) == (other, [])
    assert [name for name, _ in world.heard.resends] == [second]
    world.let_pass(7200.0)
    submission.check_for_duplicates()
    submission.check_for_duplicates()
    assert world.heard.warnings == [f"{first} is a duplicate of {second}"]


def test_an_older_task_is_no_duplicate_after_a_long_wait() -> None:
    """What counts is the time between the two sends, not how long the task was waited for."""
    world = World(faults=(LOST, LATE))
    world.plant(age=1800.0)
    submission = make_submission(world)
    submission.run()
    world.let_pass(7200.0)
    submission.check_for_duplicates()
    assert [line.count(world.planted[0].task_id) for line in world.heard.warnings] == [0]


def test_nobody_is_told_of_a_second_send_that_was_refused() -> None:
    """Only what may have been accepted twice has a duplicate."""
    world = World(faults=(LOST, "busy", LATE))
    submit(world)
    assert (len(world.posts), world.heard.resends) == (2, [])


@pytest.mark.parametrize("fault", [LOST, LOST_UNREAD, "500:count=1", "502:count=1"])
def test_on_lost_reply_stop_never_sends_again(fault: str) -> None:
    """Whoever would rather have no task than two says so."""
    world = World(faults=(fault, NEVER))
    end = submit(world, settings=Settings(on_lost_reply="stop"))
    assert (end.code, len(world.posts)) == (10, 1)


@pytest.mark.parametrize(("asked", "code"), [(90, 0), (20, 0), (600, 10)])
def test_a_bare_503_is_not_sent_again_sooner_than_it_asks(asked: int, code: int) -> None:
    """The polls take a minute of it; what is longer than retries last ends it."""
    world = World(faults=(f"503:count=1,code=none,retry-after={asked}s",))
    end = submit(world)
    assert (end.code, len(world.posts)) == (code, 1 + (code == 0))
    if code == 0:
        assert max(asked, 55) <= world.posts[1] - world.posts[0] <= max(asked, 60) + 1
        assert world.looks[-1] > world.posts[1]  # the check
        assert world.posts[1] - max(look for look in world.looks if look < world.posts[1]) < 2


def test_the_check_for_a_duplicate_fails() -> None:
    """It undoes nothing."""
    world = World(faults=(LOST_UNREAD, "500:on=list,after=8"))
    end = submit(world)
    assert (end.code, len(world.looks), end.task and end.task.task_id) == (0, 9, ids(world)[0])
    (warning,) = world.heard.warnings
    assert warning.startswith("an internal error")


@pytest.mark.parametrize(
    ("fault", "ages"), [(LOST, (-20.0,)), (LOST, (4.0, -20.0)), (LOST_UNREAD, (-20.0, -30.0, 2.0))]
)
def test_several_that_may_be_ours(fault: str, ages: tuple[float, ...]) -> None:
    """The one nearest the send is, all are named, and nothing is sent again."""
    world = World(faults=(fault,))
    world.in_front = meanwhile(world, *ages)
    end = submit(world)
    others = sorted(world.planted, key=lambda task: abs(task.created - world.posts[0]))
    nearest_first = [*ids(world), *(task.task_id for task in others)]
    assert len(world.posts) == 1
    assert end.task
    assert end.task.task_id == nearest_first[0]
    assert world.heard.warnings == [f"one of {', '.join(nearest_first)}"]


def test_of_very_many_that_may_be_ours_a_hundred_are_named() -> None:
    """However long the list is, not all of it is kept."""
    world = World(faults=(LOST,))
    world.in_front = meanwhile(world, *(250 * [-1.0]))
    end = submit(world)
    assert end.task
    assert [end.task.task_id] == ids(world)
    assert world.heard.warnings[0].count(", ") == 99


@pytest.mark.parametrize(("fault", "posts"), [(LOST, 1), (LOST_UNREAD, 2)])
@pytest.mark.parametrize("dated", [(), ("no-date",)], ids=["dated", "no Date"])
def test_what_was_there_before(fault: str, posts: int, dated: tuple[str, ...]) -> None:
    """With a look before the send, a task that is hardly older is none of ours, whatever the time."""
    world = World(faults=(fault, *dated))
    world.plant(age=3.5, request=NEW.model_copy(update={"path": "/test-obs/other/"}))
    twin = world.plant(age=3.5)  # it has ended
    end = submit(world, reuse=ReusePolicy(reuse_running=True))
    assert (end.code, len(world.posts), len(world.ours)) == (0, posts, 1)
    assert end.task
    assert end.task.task_id == ids(world)[0] != twin.task_id
    assert world.heard.warnings == []


@pytest.mark.parametrize(
    ("looked", "ends"), [(False, 10), (True, 0)], ids=["nobody looked before", "looked before"]
)
@pytest.mark.parametrize("fault", [LOST, LOST_UNREAD])
def test_nobody_says_when_the_twin_was_created(fault: str, looked: bool, ends: int) -> None:  # noqa: FBT001 - a row
    """It may be ours for all that anybody knows, unless it was there before."""
    world = World(faults=(fault,), in_front=changing_lists(lambda task: task.pop("create_time")))
    world.plant(age=3600)
    end = submit(world, reuse=ReusePolicy(reuse_running=looked))
    assert end.code == ends
    assert len(world.posts) == (2 if fault == LOST_UNREAD and looked else 1)
    assert end.task is None or end.task.task_id == ids(world)[0]


@pytest.mark.parametrize("fault", [LOST, LOST_UNREAD])
@pytest.mark.parametrize("looks", ["500:on=list", "refuse:on=list", "stall:on=list,for=2m", "429:on=list"])
def test_looks_that_fail_throughout(fault: str, looks: str) -> None:
    """Nothing is known, so that nothing is sent again."""
    world = World(faults=(fault, looks))
    end = submit(world)
    assert (end.code, len(world.posts)) == (10, 1)
    assert 50 <= world.now - world.posts[0] <= 61
    assert "polling the list failed" in str(end.error)


def denying(status: int, code: str) -> Layer:
    """Return a layer that refuses each call but a POST."""

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        denial = HttpReply(status=status, headers={}, body=b"")
        return saying(denial, {"error_code": code}) if request.method == "GET" else answer()

    return layer


@pytest.mark.parametrize(
    ("status", "code"), [(404, "APIGW.0101"), (403, "ModelArts.0112"), (403, "APIGW.0302")]
)
def test_a_poll_that_is_refused(status: int, code: str) -> None:
    """It does not end the polls, and the last of them decides."""
    world = World(faults=(LOST,), in_front=denying(status, code))
    end = submit(world)
    assert (end.code, len(world.posts)) == (10, 1)
    assert 50 <= world.now - world.posts[0] <= 61
    refusing = denying(status, code)
    world = World(faults=(LOST,))
    world.in_front = lambda request, answer: refusing(request, answer) if len(world.looks) == 1 else answer()
    assert (submit(world).code, len(world.posts), len(world.looks)) == (0, 1, 2)


def test_polls_with_credentials_that_are_refused() -> None:
    """The first of them ends it: the gateway locks a key that it refuses again and again."""
    world = World(faults=(LOST,), in_front=denying(401, "APIGW.0301"))
    end = submit(world)
    assert (end.code, len(world.posts), len(world.looks), world.pauses) == (10, 1, 1, [])


@pytest.mark.parametrize(("fault", "posts"), [(LOST, 1), (LOST_UNREAD, 2)])
def test_looks_that_fail_at_first(fault: str, posts: int) -> None:
    """The later ones count."""
    world = World(faults=(fault, "500:on=list,count=3", "no-date:on=list,count=1"))
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours), world.heard.warnings) == (0, posts, 1, [])


@pytest.mark.parametrize(("fault", "posts"), [(LOST, 1), (LOST_UNREAD, 2)])
def test_a_look_during_which_the_machine_was_suspended(fault: str, posts: int) -> None:
    """Its Date is so old by then that nobody can tell new tasks from old ones: another look can."""
    world = World(faults=(fault,))

    def suspended(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        if request.method == "GET" and len(world.looks) == 1:
            world.suspend(600.0)
        return reply

    world.in_front = suspended
    world.plant(age=180)
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours), world.heard.warnings) == (0, posts, 1, [])
    assert end.task
    assert end.task.task_id == ids(world)[0]


def test_a_look_at_many_pages() -> None:
    """It may take long as a whole: each page has a Date of its own."""
    world = World(faults=(LOST, "late:on=list,for=12s"))
    for _ in range(250):
        world.plant(age=3600, request=ToObs(path="/test-obs/other/"))
    end = submit(world)
    assert (end.code, len(world.posts), len(world.looks), world.pauses) == (0, 1, 3, [])


def test_polls_grow_rarer() -> None:
    """They go on for a minute by default, and wait for as long as they are asked to."""
    world = World(faults=("504:accepted=no",))
    submit(world)
    assert [round(pause) for pause in world.pauses] == [1, 2, 4, 8, 15, 15, 13]
    world = World(faults=("504:accepted=no", "429:on=list,count=1,retry-after=20s"))
    submit(world, settings=Settings(reconcile_timeout=30.0))
    assert [round(pause) for pause in world.pauses] == [20, 2, 4, 3]


def test_a_task_that_is_found_ends_the_looks() -> None:
    """Whoever waits for it wants to know."""
    world = World(faults=(LOST, "lag:for=3s"))
    submit(world)
    assert world.pauses == [1, 2]


def test_one_look_is_the_least() -> None:
    """No time for looks is one look."""
    world = World(faults=(LOST,))
    end = submit(world, settings=Settings(reconcile_timeout=0.0))
    assert (end.code, len(world.looks)) == (0, 1)


def test_a_reply_that_is_dropped_late() -> None:
    """A server that hangs up before our patience ends is not at it any more."""
    world = World(faults=("stall:for=80s,count=1,accepted=no",))
    world.plant(age=10)
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours)) == (0, 2, 1)


def test_two_lost_replies() -> None:
    """The first send may be found by the looks for the second one."""
    world = World(faults=("drop:count=2", LATE))
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours)) == (0, 2, 2)
    assert world.heard.found_ids == ids(world)[:1]


@pytest.mark.parametrize(
    ("faults", "doubt"),
    [
        ((), False),
        (("refuse",), False),
        (("busy",), False),
        ((LOST,), False),
        ((LOST, NEVER), False),  # the second was accepted
        (("504",), False),
        (("504", NEVER), True),
        ((LOST_UNREAD, "busy"), True),
    ],
)
def test_is_in_doubt(faults: tuple[str, ...], doubt: bool) -> None:  # noqa: FBT001 - a row
    """It is while a POST is under way, and when nobody knows what has become of one."""
    world = World(faults=faults)
    seen: list[tuple[str, bool]] = []

    def watched(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        seen.append((request.method, submission.outcome_unknown))
        return answer()

    world.in_front = watched
    submission = make_submission(world)
    assert not submission.outcome_unknown
    with suppress(ModelArtsExportError):
        submission.run()
    assert submission.outcome_unknown == doubt
    assert ("POST", False) not in seen
