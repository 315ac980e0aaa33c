"""Reading and writing of clips, picture sequences and single pictures."""

from smpl_fitting.video.footage import Footage
from smpl_fitting.video.images import read_image, write_image
from smpl_fitting.video.read import open_footage
from smpl_fitting.video.sequence import SequenceWriter
from smpl_fitting.video.write import VideoWriter

__all__ = ["Footage", "SequenceWriter", "VideoWriter", "open_footage", "read_image", "write_image"]
