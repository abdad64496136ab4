// Does one thing that a rule is about until it is killed: fault, spin, lock or disk.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spinning;

static void nap(long milliseconds)
{
	struct timespec time = {.tv_sec = 0, .tv_nsec = milliseconds * 1000000};

	nanosleep(&time, NULL);
}

// Touches memory for the first time, again and again.
static void *fault(void *unused)
{
	size_t size = 16 << 20;

	for (;;) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t at = 0; at < size; at += 4096)
			memory[at] = 1;
		munmap(memory, size);
	}
}

static void *spin(void *unused)
{
	for (;;) {
		pthread_spin_lock(&spinning);
		for (volatile int i = 0; i < 20000; i++)
			;
		pthread_spin_unlock(&spinning);
	}
}

static void *hold(void *unused)
{
	for (;;) {
		pthread_mutex_lock(&lock);
		nap(20);
		pthread_mutex_unlock(&lock);
		nap(1);
	}
}

static void *read_disk(void *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);
	void *block;

	if (fd < 0 || posix_memalign(&block, 4096, 4096))
		exit(65); // not this file system
	memset(block, 1, 4096);
	for (;;)
		if (pwrite(fd, block, 4096, 0) < 0 || fsync(fd))
			exit(65);
}

int main(int count, char **arguments)
{
	void *(*work)(void *) = fault;
	pthread_t thread;

	if (!strcmp(arguments[1], "spin"))
		work = spin;
	if (!strcmp(arguments[1], "lock"))
		work = hold;
	if (!strcmp(arguments[1], "disk"))
		work = read_disk;
	pthread_spin_init(&spinning, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, work, count > 2 ? arguments[2] : NULL);
	pthread_join(thread, NULL);
}
