import importlib.metadata, importlib.util
print(importlib.metadata.version('numpy'), importlib.util.find_spec('__main__') if False else __spec__)
