"""Names that scoring scripts use."""
