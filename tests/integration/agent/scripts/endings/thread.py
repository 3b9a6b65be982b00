import threading, time
def late():
    time.sleep(0.3)
    print('late')
threading.Thread(target=late).start()
print('main')
