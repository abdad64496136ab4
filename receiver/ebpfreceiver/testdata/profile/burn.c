// Burns CPU in one function until it is killed.
#include <stdint.h>

volatile uint64_t sink;

__attribute__((noinline)) static void burn_in_c(void)
{
	for (uint64_t i = 0; i < 1u << 24; i++)
		sink = sink * 6364136223846793005ull + i;
}

int main(void)
{
	for (;;)
		burn_in_c();
}
