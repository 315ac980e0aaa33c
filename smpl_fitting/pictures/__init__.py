"""Pictures of a fit: drawing, what is measured of it, the side view, plots, and all of them in one folder."""
