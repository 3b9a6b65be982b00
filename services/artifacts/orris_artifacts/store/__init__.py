"""Where blobs lie: the port, and an adapter for each kind of place."""
