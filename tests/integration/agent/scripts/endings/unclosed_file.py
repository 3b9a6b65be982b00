f = open('kept.txt', 'w')
f.write('buffered')
import atexit
