// threads N MILLISECONDS: so many threads that sleep again and again. Prints a line when all run.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct timespec nap;

static void *sleeps(void *unused)
{
	for (;;)
		nanosleep(&nap, NULL);
}

int main(int argc, char **argv)
{
	pthread_attr_t small;
	pthread_t thread;
	int i, n = argc > 1 ? atoi(argv[1]) : 1;
	long milliseconds = argc > 2 ? atol(argv[2]) : 100;

	nap.tv_sec = milliseconds / 1000;
	nap.tv_nsec = milliseconds % 1000 * 1000000;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32 << 10);
	for (i = 0; i < n; i++)
		if (pthread_create(&thread, &small, sleeps, NULL))
			break;
	printf("%d\n", i);
	fflush(stdout);
	for (;;)
		pause();
}
