"""What a subject can do besides a motion: turn before the camera, stand still in time, wear another's clothes."""
