"""Rendered people who pass in front of each other: everybody stays who he is, and so do the masks."""

import numpy as np
import pytest
from crossing import Walker, film

from smpl_fitting.detection import DetectorSession, detect, detect_people
from smpl_fitting.video import open_footage, write_image

pytestmark = pytest.mark.slow
FRAMES = range(8, 70, 2)
RIGHT, LEFT = 0, 1  # who walks to the right, in front, and who to the left


@pytest.fixture(scope="module")
def session():
    with DetectorSession() as networks:
        yield networks


@pytest.fixture(scope="module", params=["dressed differently", "dressed alike"])
def crossing(request, shared, tmp_path_factory):
    """Footage, and the truth (2, T, H, W) about whose each pixel is."""
    other = 2 if request.param == "dressed differently" else 1
    walkers = [Walker(1, 90.0, (0.0, -0.4)), Walker(other, -90.0, (0.0, 0.4))]
    pictures, masks = film(shared, walkers, FRAMES)
    folder = tmp_path_factory.mktemp("crossing")
    for index, picture in enumerate(pictures):
        write_image(folder / f"{index:04d}.png", picture)
    return open_footage(folder), masks


def _owners(found, masks):
    """For each frame whose pixels the mask holds (0 or 1), -1 without a mask; and how well it fits that one's."""
    owners, fits = np.full(len(found.frames), -1), np.zeros(len(found.frames))
    for row in np.flatnonzero(found.found):
        mask = found.mask(row) > 0.5
        overlap = [(mask & truth[row]).sum() / max(1, (mask | truth[row]).sum()) for truth in masks]
        owners[row], fits[row] = int(np.argmax(overlap)), max(overlap)
    return owners, fits


def test_people_who_cross_stay_who_they_are(crossing, session):
    footage, masks = crossing
    people = detect_people(footage, session=session)
    assert len(people) == 2
    owners, fits = zip(*(_owners(one, masks) for one in people), strict=True)
    assert {int(each[0]) for each in owners} == {RIGHT, LEFT}
    area = masks.sum(axis=(2, 3))
    for each, fit in zip(owners, fits, strict=True):
        who = each[0]
        clear = (area[who] > 0.8 * np.median(area[who])) & (each >= 0)  # not behind the other one
        assert (each[clear] == who).mean() > 0.95  # blended sightings may happen while they touch
        assert each[-5:].tolist() == [who] * 5 and each[:5].tolist() == [who] * 5
        assert np.median(fit[clear]) > 0.7
        assert clear.sum() > 0.75 * len(each)


def test_each_can_be_asked_for(crossing, session):
    footage, masks = crossing
    last = len(FRAMES) - 1
    for who in (RIGHT, LEFT):
        rows, columns = np.nonzero(masks[who, last])
        x, y = np.median(columns), np.median(rows)
        one = detect(footage, person=f"{x:g},{y:g}@{last}", session=session)
        owners, _ = _owners(one, masks)
        assert owners[last] == who and owners[0] == who
    people = detect_people(footage, masks=False, session=session)
    one = detect(footage, person=1, masks=False, session=session)
    assert one.person == 1 and np.array_equal(one.keypoints, people[1].keypoints)
