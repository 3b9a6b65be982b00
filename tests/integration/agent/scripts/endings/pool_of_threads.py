from concurrent.futures import ThreadPoolExecutor
p = ThreadPoolExecutor(2)
p.submit(print, 'in the pool')
