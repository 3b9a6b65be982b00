"""The Open Inference Protocol's two forms: protobuf and JSON. Only these know them."""
