"""Pictures of the body that steer other generators: depth, normals, parts, texture coordinates, skeleton, flow."""
