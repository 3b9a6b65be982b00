"""Orris artifacts: blobs by SHA-256, trees of files made of them, and who needs which."""
