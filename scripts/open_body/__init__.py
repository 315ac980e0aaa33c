"""The parts of ``scripts/build_open_body.py``: people, pose, shape space, landmarks."""
