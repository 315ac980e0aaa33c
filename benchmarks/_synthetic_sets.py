"""Who does what before which camera: the people of ``fit_synthetic.py``.

Nothing of the test set may be looked at while the fit is developed. Its people are 10 of the held-out seeds, 5 women
and 5 men, in the held-out outfits and skins. Those outfits are few (one of a woman, two of men), so each is worn in
colours of its own, with other shoes and hair. The motions are CMU's subject 01 (climbing), and a walk (CMU's subject
12), a dance and jumping jacks from BVH files; development sees CMU's subject 02.
"""

from __future__ import annotations

from neural.training.filmed import ClipSpec

CLIMB_UP, CLIMB_TURN, CLIMB_DOWN = "cmu/01_02.amc", "cmu/01_09.amc", "cmu/01_14.amc"
WALK, DANCE, JACKS = "cmu_12_01_walk.bvh", "jesse_dance.bvh", "jumping_jacks.bvh"
WIDE, LARGE = (480, 640), (960, 540)
JEANS = "male_casualsuit04"


def _dev(name: str, seed: int, gender: str, motion: str, *where: float, **more) -> ClipSpec:
    return ClipSpec(name, seed, gender, False, f"cmu/02_{motion}.amc", *where, **more)


def _test(name: str, seed: int, gender: str, motion: str, *where: float, **more) -> ClipSpec:
    return ClipSpec(name, seed, gender, True, motion, *where, **more)


# name, seed, gender, motion, start (s), seconds, azimuth (deg), distance (m)
DEV = (
    _dev("walk_to", 501, "male", "01", 0.1, 2.0, 25, 4.0),
    _dev("walk_away", 502, "female", "02", 0.1, 2.0, 170, 3.5, height=1.5, roll=6),
    _dev("run", 503, "female", "03", 0.0, 1.4, 85, 5.0, image_size=WIDE),
    _dev("jump", 504, "male", "04", 0.8, 2.0, 5, 7.0, height=0.8),
    _dev("punch", 505, "female", "05", 5.0, 2.0, -40, 2.6, height=1.4, image_size=LARGE),
    _dev("scoop", 506, "male", "06", 3.0, 2.0, 215, 3.2, height=1.9),
    _dev("swordplay", 507, "male", "08", 4.0, 2.0, 120, 4.5, roll=-8, image_size=WIDE),
    _dev("turn", 508, "female", "09", 0.0, 2.5, 70, 3.5),
)
TEST = (
    _test("climb_up", 9101, "female", CLIMB_UP, 4.0, 2.5, 150, 3.6, airborne=True),
    _test("climb_down", 9102, "male", CLIMB_DOWN, 0.3, 2.0, 35, 4.5, airborne=True, height=1.6, outfit=JEANS),
    _test("climb_turn", 9103, "female", CLIMB_TURN, 15.0, 2.5, 0, 3.2, height=1.5),
    _test("walk_near", 9114, "male", WALK, 0.1, 2.2, 0, 4.0, roll=-7),
    _test("walk_past", 9105, "female", WALK, 2.3, 2.0, 85, 6.0, height=1.0, image_size=WIDE),
    _test("dance_near", 9106, "male", DANCE, 1.0, 2.5, 20, 2.5, rest_frame=0, image_size=LARGE),
    _test("dance_back", 9107, "female", DANCE, 3.5, 2.0, 160, 4.0, rest_frame=0),
    _test("dance_side", 9108, "male", DANCE, 8.0, 2.0, -75, 3.2, rest_frame=0, height=0.6, roll=8),
    _test("jacks_front", 9109, "female", JACKS, 0.1, 2.2, -10, 3.4, height=2.4),
    _test("jacks_far", 9110, "male", JACKS, 2.0, 2.0, 195, 8.5, image_size=WIDE, outfit=JEANS),
)
SETS = {"dev": DEV, "test": TEST}
