import own, package.part
print(own.__file__, package.part.__name__, package.__path__)
