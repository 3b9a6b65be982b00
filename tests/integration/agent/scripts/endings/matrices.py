import numpy
a = numpy.arange(1000000.0).reshape(1000, 1000)
print((a @ a).sum())
