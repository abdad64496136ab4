# Computes in hundreds of threads of one interpreter until it is killed: one computes, and each of the
# others asks for the interpreter's lock every few milliseconds.
import threading


def compute():
    number = 0
    while True:
        number = (number * 31 + 7) % 1_000_003


for _ in range(300):
    threading.Thread(target=compute).start()
