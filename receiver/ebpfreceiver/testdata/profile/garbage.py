# Collects garbage beside many live objects until it is killed.
import gc

kept = [{"number": [i]} for i in range(200_000)]

while True:
    made = [[] for _ in range(5_000)]
    gc.collect()
