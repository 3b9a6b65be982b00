import warnings
warnings.warn('mind', stacklevel=1)
warnings.warn('the gap', stacklevel=2)
warnings.warn('far', stacklevel=9)
