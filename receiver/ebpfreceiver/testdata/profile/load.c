// load SECONDS: two threads that compute, and two pairs of threads that hand a byte to and fro some 25,000 times a second. Prints
// how often threads were blocked and the seconds of CPU that it took.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TICK 10000000
#define TURNS 62

static volatile int over;
static volatile uint64_t sink;

__attribute__((noinline)) static uint64_t compute(uint64_t from)
{
	for (int i = 0; i < 100000; i++)
		from = from * 6364136223846793005ull + i;
	return from;
}

static void wait_for_tick(struct timespec *next)
{
	next->tv_nsec += TICK;
	if (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

// Computes for a part of each tick, so that the machine is not full.
static void *computes(void *unused)
{
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!over) {
		for (int i = 0; i < 20; i++)
			sink = compute(sink);
		wait_for_tick(&next);
	}
	return NULL;
}

static int pipes[2][2][2];

static void *asks(void *at)
{
	int(*pair)[2] = at;
	struct timespec next;
	char byte = 0;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!over) {
		for (int i = 0; i < TURNS; i++)
			if (write(pair[0][1], &byte, 1) != 1 || read(pair[1][0], &byte, 1) != 1)
				return NULL;
		wait_for_tick(&next);
	}
	close(pair[0][1]);
	return NULL;
}

static void *answers(void *at)
{
	int(*pair)[2] = at;
	char byte;

	while (read(pair[0][0], &byte, 1) == 1)
		if (write(pair[1][1], &byte, 1) != 1)
			return NULL;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[6];
	struct rusage usage;

	for (int i = 0; i < 2; i++) {
		if (pipe(pipes[i][0]) || pipe(pipes[i][1]))
			return 1;
		pthread_create(&threads[3 * i], NULL, computes, NULL);
		pthread_create(&threads[3 * i + 1], NULL, asks, pipes[i]);
		pthread_create(&threads[3 * i + 2], NULL, answers, pipes[i]);
	}
	sleep(argc > 1 ? atoi(argv[1]) : 5);
	over = 1;
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld %f\n", usage.ru_nvcsw,
	       usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	return 0;
}
