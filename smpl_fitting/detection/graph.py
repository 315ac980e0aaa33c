"""MediaPipe's person detector and landmark network, run one picture at a time.

``mediapipe.solutions.pose`` finds one person only, smooths over time (with lag) and cannot be told where to
look. The graphs here use its calculators and its networks (BlazePose, Bazarevsky et al. 2020,
https://arxiv.org/abs/2006.10204) without all that: every person of a picture, and the landmarks of any crop.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from smpl_fitting.detection.networks import Network, network_path

DETECTOR_SIDE = 224
LANDMARK_SIDE = 256
NUM_TENSOR_LANDMARKS = 39  # 33 of the body, 2 that give the next crop, 4 unused

_DETECTOR = """
input_stream: "image"
output_stream: "detections"
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:input"
  output_stream: "LETTERBOX_PADDING:padding"
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: 224 output_tensor_height: 224 keep_aspect_ratio: true
    output_tensor_float_range {{ min: -1 max: 1 }} border_mode: BORDER_ZERO
  }} }}
}}
node {{
  calculator: "SsdAnchorsCalculator"
  output_side_packet: "anchors"
  options {{ [mediapipe.SsdAnchorsCalculatorOptions.ext] {{
    input_size_width: 224 input_size_height: 224 min_scale: 0.1484375 max_scale: 0.75
    anchor_offset_x: 0.5 anchor_offset_y: 0.5 num_layers: 5
    strides: 8 strides: 16 strides: 32 strides: 32 strides: 32 aspect_ratios: 1 fixed_anchor_size: true
  }} }}
}}
node {{
  calculator: "InferenceCalculatorCpu"
  input_stream: "TENSORS:input"
  output_stream: "TENSORS:raw"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "mediapipe/modules/pose_detection/pose_detection.tflite"
    delegate {{ xnnpack {{ num_threads: {threads} }} }}
  }} }}
}}
node {{
  calculator: "TensorsToDetectionsCalculator"
  input_stream: "TENSORS:raw"
  input_side_packet: "ANCHORS:anchors"
  output_stream: "DETECTIONS:all"
  options {{ [mediapipe.TensorsToDetectionsCalculatorOptions.ext] {{
    num_classes: 1 num_boxes: 2254 num_coords: 12 keypoint_coord_offset: 4 num_keypoints: 4
    num_values_per_keypoint: 2 box_coord_offset: 0 x_scale: 224 y_scale: 224 w_scale: 224 h_scale: 224
    reverse_output_order: true sigmoid_score: true score_clipping_thresh: 100 min_score_thresh: {threshold}
  }} }}
}}
node {{
  calculator: "NonMaxSuppressionCalculator"
  input_stream: "all"
  output_stream: "distinct"
  options {{ [mediapipe.NonMaxSuppressionCalculatorOptions.ext] {{
    min_suppression_threshold: 0.3 overlap_type: INTERSECTION_OVER_UNION algorithm: WEIGHTED
  }} }}
}}
node {{
  calculator: "DetectionLetterboxRemovalCalculator"
  input_stream: "DETECTIONS:distinct"
  input_stream: "LETTERBOX_PADDING:padding"
  output_stream: "DETECTIONS:detections"
}}
"""

_LANDMARKS = """
input_stream: "image"
output_stream: "score"
output_stream: "landmarks"
output_stream: "world"
output_stream: "mask"
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:input"
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: 256 output_tensor_height: 256 keep_aspect_ratio: true
    output_tensor_float_range {{ min: 0 max: 1 }}
  }} }}
}}
node {{
  calculator: "InferenceCalculatorCpu"
  input_stream: "TENSORS:input"
  output_stream: "TENSORS:raw"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "{network}"
    delegate {{ xnnpack {{ num_threads: {threads} }} }}
  }} }}
}}
node {{
  calculator: "SplitTensorVectorCalculator"
  input_stream: "raw"
  output_stream: "landmark_tensor"
  output_stream: "score_tensor"
  output_stream: "mask_tensor"
  output_stream: "heatmap_tensor"
  output_stream: "world_tensor"
  options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{
    ranges {{ begin: 0 end: 1 }} ranges {{ begin: 1 end: 2 }} ranges {{ begin: 2 end: 3 }}
    ranges {{ begin: 3 end: 4 }} ranges {{ begin: 4 end: 5 }}
  }} }}
}}
node {{
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:score_tensor"
  output_stream: "FLOAT:score"
}}
node {{
  calculator: "TensorsToLandmarksCalculator"
  input_stream: "TENSORS:landmark_tensor"
  output_stream: "NORM_LANDMARKS:unrefined"
  options {{ [mediapipe.TensorsToLandmarksCalculatorOptions.ext] {{
    num_landmarks: 39 input_image_width: 256 input_image_height: 256
    visibility_activation: SIGMOID presence_activation: SIGMOID
  }} }}
}}
node {{
  calculator: "RefineLandmarksFromHeatmapCalculator"
  input_stream: "NORM_LANDMARKS:unrefined"
  input_stream: "TENSORS:heatmap_tensor"
  output_stream: "NORM_LANDMARKS:landmarks"
}}
node {{
  calculator: "TensorsToLandmarksCalculator"
  input_stream: "TENSORS:world_tensor"
  output_stream: "LANDMARKS:world"
  options {{ [mediapipe.TensorsToLandmarksCalculatorOptions.ext] {{ num_landmarks: 39 }} }}
}}
node {{
  calculator: "TensorsToSegmentationCalculator"
  input_stream: "TENSORS:mask_tensor"
  output_stream: "MASK:mask_image"
  options {{ [mediapipe.TensorsToSegmentationCalculatorOptions.ext] {{
    gpu_origin: TOP_LEFT activation: SIGMOID
  }} }}
}}
node {{
  calculator: "FromImageCalculator"
  input_stream: "IMAGE:mask_image"
  output_stream: "IMAGE_CPU:mask"
}}
"""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep TensorFlow Lite's start-up chatter off descriptor 2; no other way to silence it is offered."""
    sys.stderr.flush()
    keep = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(keep, 2)
        os.close(keep)
        os.close(nowhere)


class Graph:
    """One running MediaPipe graph with the input stream ``image``. Not for use by two threads at once."""

    def __init__(self, text: str, outputs: tuple[str, ...], **values) -> None:
        with _quiet():
            self._start(text.format(**values), outputs)

    def _start(self, text: str, outputs: tuple[str, ...]) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        import mediapipe
        from google.protobuf import text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

        # Imported for what it does: these register the calculators' options by name.
        from mediapipe.python import solution_base  # noqa: F401  isort: skip

        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        self._creator, self.getter = packet_creator, packet_getter
        self._rgb = image_frame.ImageFormat.SRGB
        config = text_format.Parse(text, calculator_pb2.CalculatorGraphConfig())
        self._graph = calculator_graph.CalculatorGraph(graph_config=config)
        self._packets: dict = {}
        for name in outputs:
            self._graph.observe_output_stream(name, self._packets.__setitem__, True)
        self._graph.start_run({})
        self._time = 0
        self._run(np.zeros((LANDMARK_SIDE, LANDMARK_SIDE, 3), np.uint8))  # loads the network, and its chatter

    def _run(self, picture: np.ndarray) -> dict:
        self._packets.clear()
        self._time += 1
        packet = self._creator.create_image_frame(
            data=np.ascontiguousarray(picture), image_format=self._rgb, copy=True
        )
        self._graph.add_packet_to_input_stream("image", packet.at(self._time))
        self._graph.wait_until_idle()
        return self._packets

    def close(self) -> None:
        self._graph.close_all_packet_sources()
        self._graph.wait_until_done()


class PersonDetector(Graph):
    """Persons anywhere in a picture, by BlazePose's detector at 224 x 224 pixels."""

    def __init__(self, threshold: float = 0.5, threads: int = 1) -> None:
        super().__init__(_DETECTOR, ("detections",), threshold=threshold, threads=threads)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """(N, 5) float: score, hip centre x, y and the point x, y that spans the person's circle, in pixels."""
        packet = self._run(picture)["detections"]
        found = [] if packet.is_empty() else self.getter.get_proto_list(packet)
        height, width = picture.shape[:2]
        rows = [
            (
                detection.score[0],
                *(
                    value
                    for point in detection.location_data.relative_keypoints[:2]
                    for value in (point.x * width, point.y * height)
                ),
            )
            for detection in found
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 5)


class LandmarkNetwork(Graph):
    """One of BlazePose's landmark networks on one upright square crop of 256 x 256 pixels."""

    def __init__(self, network: Network, threads: int = 1) -> None:
        """Raises LiquidMotionError where the network has not been fetched."""
        outputs = ("score", "landmarks", "world", "mask")
        super().__init__(_LANDMARKS, outputs, network=network_path(network), threads=threads)

    def __call__(self, crop: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Score of a person being there; landmarks (39, 5) x, y, z as fractions of the crop, visibility, presence;
        world landmarks (39, 3) metres; mask (256, 256) float32 in [0, 1]."""
        packets = self._run(crop)
        landmarks = self.getter.get_proto(packets["landmarks"]).landmark
        world = self.getter.get_proto(packets["world"]).landmark
        mask = self.getter.get_image_frame(packets["mask"]).numpy_view().copy()
        return (
            float(self.getter.get_float(packets["score"])),
            np.array([(p.x, p.y, p.z, p.visibility, p.presence) for p in landmarks]),
            np.array([(p.x, p.y, p.z) for p in world]),
            mask,
        )
