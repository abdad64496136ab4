// Writes a function into memory, names it in a perf map under its own process id, and runs it until it is killed.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
#if defined(__x86_64__)
	static const uint8_t loop[] = {0xeb, 0xfe}; // jmp .
#else
	static const uint32_t loop[] = {0x14000000}; // b .
#endif
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[64];
	FILE *map;

	if (code == MAP_FAILED)
		return 1;
	memcpy(code, loop, sizeof(loop));
	__builtin___clear_cache(code, (char *)code + sizeof(loop));
	snprintf(name, sizeof(name), "/tmp/perf-%d.map", getpid());
	map = fopen(name, "w");
	if (!map)
		return 1;
	fprintf(map, "%lx 10 Lcom/example/Main;::spin\n", (unsigned long)code);
	fclose(map);
	((void (*)(void))code)();
	return 0;
}
