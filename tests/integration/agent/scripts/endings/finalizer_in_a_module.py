import own
print('main')
