"""Which tracks are one person, who comes first, and who is meant: worked out by hand."""

import numpy as np
import pytest

from smpl_fitting.detection.choice import At, parse_person
from smpl_fitting.detection.people import Person, group, listed, person_at
from smpl_fitting.detection.search import Place
from smpl_fitting.errors import LiquidMotionError, NobodyFoundError

SIZE = (600, 1000)


def _person(frames, x=500.0, height=300.0, speed=0.0, colour=0, number=0):
    frames = np.asarray(frames)
    count = len(frames)
    keypoints = np.ones((count, 33, 4), np.float32)
    keypoints[..., 0] = (x + speed * frames)[:, None]
    keypoints[..., 1] = np.linspace(100, 100 + height, 33)
    centre = x + speed * frames
    box = np.stack(
        [centre - height / 4, np.full(count, 100), centre + height / 4, np.full(count, 100 + height)], 1
    )
    colours = np.full(512, 1e-3)
    colours[colour] = 1000
    return Person(
        frames,
        np.full(count, number),
        keypoints,
        keypoints[..., :3],
        np.ones(count),
        np.zeros((count, 4)),
        box,
        colours,
    )


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"height": 400.0}, {"height": 250.0}),
        ({"speed": 6.0}, {"speed": 0.0}),
        ({"frames": range(50)}, {"frames": range(20)}),
        ({"x": 500.0}, {"x": 980.0}),
    ],
)
def test_large_moving_present_and_central_people_come_first(better, worse):
    tracks = [_person(**{"frames": range(50), **more}) for more in (worse, better)]
    assert group(tracks, 50, 25.0, SIZE)[0] is tracks[1]
    assert group([], 50, 25.0, SIZE) == []


def test_the_same_clothes_later_are_the_same_person():
    tracks = [
        _person(range(30, 40), number=1),
        _person(range(20), number=0),
        _person(range(42, 50), colour=100, number=2),
        _person(range(5, 19), x=400, number=3),  # dressed alike, but there at the same time
    ]
    people = group(tracks, 50, 25.0, SIZE)
    assert [set(one.track) for one in people] == [{0, 1}, {3}, {2}]
    assert people[0].frame.tolist() == [*range(20), *range(30, 40)]
    assert np.array_equal(people[0].box[20:], tracks[0].box)


def test_one_person_in_two_tracks_at_once_for_a_moment():
    """A track that lasts a frame too long: its poor sighting gives way to that of the next one."""
    before, after = _person(range(12), number=0), _person(range(11, 24), x=800, number=1)
    before.score[11] = 0.5
    [person] = group([before, after], 24, 25.0, SIZE)
    assert person.frame.tolist() == [*range(24)]
    assert person.track.tolist() == [0] * 11 + [1] * 13
    assert (person.score == 1).all() and person.box[11, 0] == after.box[0, 0]
    assert len(group([before, _person(range(8, 24), x=800, number=1)], 24, 25.0, SIZE)) == 2


def test_a_moment_is_not_worth_a_place_in_the_list():
    people = [_person(range(50)), _person(range(4), number=1)]
    assert listed(people, 50, 25.0) == people[:1]
    assert listed([_person(range(1))], 1, 25.0)  # but a photo is


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        (2, 2),
        ("2", 2),
        ("10,20", At(Place(10, 20, 10, 20), 5)),
        ((10, 20), At(Place(10, 20, 10, 20), 5)),
        (" 10.5 , 20 @ 7", At(Place(10.5, 20, 10.5, 20), 7)),
        ("1,2,30,40@9", At(Place(1, 2, 30, 40), 9)),
        ([1, 2, 30, 40], At(Place(1, 2, 30, 40), 5)),
    ],
)
def test_choices(text, expected):
    assert parse_person(text, range(5, 10), SIZE) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all",
        "-1",
        -1,
        "1,2,3",
        "1,2,3,4,5",
        "1,2@",
        "1,2@x",
        "1,2@4",
        "1,2@10",
        "30,40,1,2",
        "2000,20",
        "nan,2",
    ],
)
def test_choices_that_are_none(text):
    with pytest.raises(LiquidMotionError, match="person") as raised:
        parse_person(text, range(5, 10), SIZE)
    assert "\n" not in str(raised.value)


def test_who_is_meant():
    people = [_person(range(50), x=300), _person(range(10, 50), x=600), _person(range(50), x=640, height=150)]

    def at(*place, frame=20):
        return person_at(people, At(Place(*place), frame), frame, "clip.mp4")

    assert at(290, 200, 290, 200) == 0
    assert at(640, 180, 640, 180) == 2  # in the boxes of two, but the middle of this one's
    assert at(570, 350, 570, 350) == 1
    assert at(210, 90, 380, 410) == 0
    assert at(600, 100, 680, 250) == 2
    with pytest.raises(
        NobodyFoundError, match=r"clip\.mp4.*\(900, 50\) in frame 20.*person 1 is at x 525-675"
    ):
        at(900, 50, 900, 50)
    with pytest.raises(NobodyFoundError, match="person 0 is at"):
        at(560, 200, 560, 200, frame=5)  # before that one came
    with pytest.raises(NobodyFoundError, match="nobody at all"):
        at(600, 200, 600, 200, frame=70)
