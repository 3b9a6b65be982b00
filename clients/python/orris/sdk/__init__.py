"""The library: submit, watch, register, deploy."""
