"""What a replica runs, shipped as text into the model's environment: standard library and Python 3.6 syntax only."""
