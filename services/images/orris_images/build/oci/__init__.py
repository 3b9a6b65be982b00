"""Images as container images: packages in layers on a base, in the engine and in a registry."""
