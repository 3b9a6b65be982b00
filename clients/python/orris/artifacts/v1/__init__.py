"""Generated from the contracts in `protos/`: see `make protos`."""
