import sys; sys.exit('that is why')
