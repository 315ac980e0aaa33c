"""People in footage: landmarks, masks and boxes by MediaPipe."""

from smpl_fitting.detection.choice import PersonChoice
from smpl_fitting.detection.clip import detect, detect_people
from smpl_fitting.detection.results import Detections
from smpl_fitting.detection.session import DetectorSession

__all__ = ["Detections", "DetectorSession", "PersonChoice", "detect", "detect_people"]
