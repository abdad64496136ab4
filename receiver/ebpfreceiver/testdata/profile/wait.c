// Threads that wait: for a lock that one of them holds while it sleeps, for a pipe, for a disk, for nothing.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void nap(long milliseconds)
{
	struct timespec time = {.tv_sec = 0, .tv_nsec = milliseconds * 1000000};

	nanosleep(&time, NULL);
}

__attribute__((noinline)) static void *hold_lock(void *unused)
{
	for (;;) {
		pthread_mutex_lock(&lock);
		nap(20);
		pthread_mutex_unlock(&lock);
		nap(1);
	}
}

__attribute__((noinline)) static void *want_lock(void *unused)
{
	for (;;) {
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
	}
}

__attribute__((noinline)) static void *read_pipe(void *from)
{
	char byte;

	while (read(*(int *)from, &byte, 1) == 1)
		;
	return NULL;
}

__attribute__((noinline)) static void *write_pipe(void *to)
{
	for (;;) {
		nap(30);
		if (write(*(int *)to, "x", 1) != 1)
			return NULL;
	}
}

__attribute__((noinline)) static void *sync_file(void *path)
{
	static char page[1 << 20];
	int file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);

	for (;;) {
		page[0]++;
		if (pwrite(file, page, sizeof(page), 0) < 0 || fsync(file))
			return NULL;
	}
}

int main(int argc, char **argv)
{
	static int ends[2];
	pthread_t thread;
	void *(*roles[])(void *) = {hold_lock, want_lock, read_pipe, write_pipe, sync_file};
	void *arguments[] = {NULL, NULL, &ends[0], &ends[1], argc > 1 ? argv[1] : "/dev/null"};

	if (pipe(ends))
		return 1;
	for (int i = 0; i < (argc > 1 ? 5 : 4); i++)
		pthread_create(&thread, NULL, roles[i], arguments[i]);
	for (;;)
		pause();
}
