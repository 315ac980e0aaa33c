"""MediaPipe's hand and face landmark networks on one upright square crop, run one picture at a time.

Zhang et al. 2020, "MediaPipe Hands" (https://arxiv.org/abs/2006.10214); Kartynnik et al. 2019, "Real-time Facial
Surface Geometry" (https://arxiv.org/abs/1907.06724). The networks are those of the ``mediapipe`` package.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from smpl_fitting.detection.graph import Graph

HAND_SIDE = 224
FACE_SIDE = 192
NUM_HAND_LANDMARKS = 21
NUM_FACE_LANDMARKS = 468

_INFERENCE = """
input_stream: "image"
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:input"
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: {side} output_tensor_height: {side} keep_aspect_ratio: true
    output_tensor_float_range {{ min: 0 max: 1 }}
  }} }}
}}
node {{
  calculator: "InferenceCalculatorCpu"
  input_stream: "TENSORS:input"
  output_stream: "TENSORS:raw"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "{model}"
    delegate {{ xnnpack {{ num_threads: {threads} }} }}
  }} }}
}}
"""


def _graph_text(names: tuple[str, ...]) -> str:
    """A graph that gives the network's tensors, in their order, as lists of numbers under these names."""
    ranges = " ".join(f"ranges {{{{ begin: {i} end: {i + 1} }}}}" for i in range(len(names)))
    split = "".join(f'output_stream: "{name}_tensor" ' for name in names)
    nodes = f"""
node {{{{
  calculator: "SplitTensorVectorCalculator"
  input_stream: "raw"
  {split}
  options {{{{ [mediapipe.SplitVectorCalculatorOptions.ext] {{{{ {ranges} }}}} }}}}
}}}}"""
    for name in names:
        nodes += f"""
node {{{{
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:{name}_tensor"
  output_stream: "FLOATS:{name}"
}}}}"""
    return _INFERENCE + "".join(f'output_stream: "{name}"\n' for name in names) + nodes


class _Network(Graph):
    """One network whose output tensors are read as plain numbers."""

    def __init__(self, names: tuple[str, ...], model: str, side: int, threads: int) -> None:
        self._names = names
        super().__init__(_graph_text(names), names, model=model, side=side, threads=threads)

    def read(self, crop: np.ndarray) -> list[np.ndarray]:
        packets = self._run(crop)
        return [np.array(self.getter.get_float_list(packets[name])) for name in self._names]


class HandReading(NamedTuple):
    score: float  # of a hand being there, in [0, 1]
    right: float  # how surely it is a right hand, in [0, 1]; the picture not mirrored
    landmarks: np.ndarray  # (21, 3) x, y, z as fractions of the crop
    world: np.ndarray  # (21, 3) metres about the hand's middle: x right, y down, z away from the camera


class HandNetwork:
    """The *full* hand landmark network, on a crop of 224 x 224 pixels with the fingers up."""

    def __init__(self, threads: int = 1) -> None:
        self._network = _Network(
            ("landmarks", "score", "right", "world"),
            "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
            HAND_SIDE,
            threads,
        )

    def __call__(self, crop: np.ndarray) -> HandReading:
        landmarks, score, right, world = self._network.read(crop)
        shape = (NUM_HAND_LANDMARKS, 3)
        return HandReading(
            float(score[0]), float(right[0]), landmarks.reshape(shape) / HAND_SIDE, world.reshape(shape)
        )

    def close(self) -> None:
        self._network.close()


class FaceReading(NamedTuple):
    score: float  # of a face being there, in [0, 1]
    landmarks: np.ndarray  # (468, 3) x, y, z as fractions of the crop; z grows away from the camera


class FaceNetwork:
    """The 468-point face network, on a crop of 192 x 192 pixels with the eyes level."""

    def __init__(self, threads: int = 1) -> None:
        self._network = _Network(
            ("landmarks", "logit"), "mediapipe/modules/face_landmark/face_landmark.tflite", FACE_SIDE, threads
        )

    def __call__(self, crop: np.ndarray) -> FaceReading:
        landmarks, logit = self._network.read(crop)
        score = 1 / (1 + np.exp(-float(logit[0])))
        return FaceReading(score, landmarks.reshape(NUM_FACE_LANDMARKS, 3) / FACE_SIDE)

    def close(self) -> None:
        self._network.close()
