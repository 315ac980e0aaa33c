"""People in footage: landmarks, masks and boxes by MediaPipe."""

from smpl_fitting.detection.clip import detect
from smpl_fitting.detection.results import Detections
from smpl_fitting.detection.session import DetectorSession

__all__ = ["Detections", "DetectorSession", "detect"]
