try:
    {}['a']
except KeyError as error:
    raise RuntimeError('then') from error
