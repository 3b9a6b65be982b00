import sys, os
os.write(1, b'\xff\xfe')
os.write(2, b'\x80')
print('\udcff'.encode('utf-8', 'surrogateescape'))
