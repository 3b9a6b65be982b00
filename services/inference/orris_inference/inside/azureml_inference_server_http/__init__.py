"""Where newer scoring scripts import `rawhttp` and AMLResponse from."""
