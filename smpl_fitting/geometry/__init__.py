"""Cameras, rotations and rasterization; the conventions are in docs/coordinates.md."""

from smpl_fitting.geometry.backends import BackendError
from smpl_fitting.geometry.camera import Camera, look_at, project_points
from smpl_fitting.geometry.mesh import face_normals, interpolate, vertex_normals
from smpl_fitting.geometry.rasterize import Fragments, rasterize, rasterize_meshes
from smpl_fitting.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_rotation_6d,
    quaternion_to_axis_angle,
    rotation_6d_to_matrix,
)

__all__ = [
    "BackendError",
    "Camera",
    "Fragments",
    "axis_angle_to_matrix",
    "face_normals",
    "interpolate",
    "look_at",
    "matrix_to_axis_angle",
    "matrix_to_quaternion",
    "matrix_to_rotation_6d",
    "project_points",
    "quaternion_to_axis_angle",
    "rasterize",
    "rasterize_meshes",
    "rotation_6d_to_matrix",
    "vertex_normals",
]
