"""From footage to an SMPL body: video, detection, body model, cameras, rasterization and fitting."""
