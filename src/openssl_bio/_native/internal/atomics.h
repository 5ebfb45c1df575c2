/* A flag that one thread takes, and giving way: what C11 and Microsoft's compiler have in common. */
#ifndef OBIO_ATOMICS_H
#define OBIO_ATOMICS_H

#ifdef _MSC_VER
#include <intrin.h>
#define ATOMIC volatile
#define TAKE(flag) (_InterlockedCompareExchange((volatile long *)(flag), 1, 0) == 0)
#else
#include <stdatomic.h>
#define ATOMIC _Atomic
#define TAKE(flag) atomic_compare_exchange_strong((flag), &(int){0}, 1)
#endif

#ifdef _WIN32
#include <windows.h>
#define YIELD() SwitchToThread()
#else
#include <sched.h>
#define YIELD() sched_yield()
#endif

#endif
