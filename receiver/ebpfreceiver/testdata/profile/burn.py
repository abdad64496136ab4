# Burns CPU in one function until it is killed.
def burn_in_python():
    total = 0
    for i in range(1_000_000):
        total = (total * 31 + i) % 1000003
    return total


while True:
    burn_in_python()
