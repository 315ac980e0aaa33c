"""The networks: what is learned, and what learning is judged by."""
