// A clock for redis-server that a test sets: preloaded, it adds to the machine's time the seconds that stand in the file CLOCK_AHEAD names.
// (Debian's libfaketime cannot be preloaded into a program with jemalloc, as redis-server is: it ends before it begins.)
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;

__attribute__((constructor)) static void begin(void) {
  int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
  void *at = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
  if (file < 0 || at == MAP_FAILED)
    abort();
  close(file);
  ahead = at;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
  int failed = syscall(SYS_clock_gettime, id, ts);
  if (!failed && ahead && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    ts->tv_sec += *ahead;
  return failed;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  tv->tv_sec = ts.tv_sec;
  tv->tv_usec = ts.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  if (at)
    *at = ts.tv_sec;
  return ts.tv_sec;
}
