from dataclasses import dataclass
@dataclass
class A:
    x: int
print(A(1), A.__module__, __annotations__ if 'x' in dir() else '')
