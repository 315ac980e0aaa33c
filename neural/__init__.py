"""From a body and pixels to pixels: correspondence, texture, rendering, and the jobs that chain them."""

__version__ = "0.1.0"
