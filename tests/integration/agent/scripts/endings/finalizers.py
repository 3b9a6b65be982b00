class A:
    def __del__(self):
        print('gone')
a = A()
class B:
    def __init__(self): self.me = self
    __del__ = A.__del__
B()
b = B()
