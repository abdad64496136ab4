# Passes the interpreter's lock from thread to thread until it is killed: each hashes texts
# that are just long enough for hashlib to release the lock.
import hashlib
import threading

TEXT = b"x" * 2048


def hash_texts():
    while True:
        hashlib.md5(TEXT).digest()


for _ in range(8):
    threading.Thread(target=hash_texts).start()
