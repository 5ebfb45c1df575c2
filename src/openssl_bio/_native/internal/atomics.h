/*
 * A flag that one thread takes, or a word that says which one has; setting one, after all that was done before; a number
 * that several add to; and giving way to another thread or waiting a moment: C11's, the system's, the processor's.
 */
#ifndef OBIO_ATOMICS_H
#define OBIO_ATOMICS_H

#ifdef _MSC_VER
#include <intrin.h>
#define ATOMIC volatile
#define TAKE(flag) TAKE_BY(flag, 1)
#define TAKE_BY(owner, me) (_InterlockedCompareExchange((volatile long *)(owner), (long)(me), 0) == 0)
#define SET(word, value) ((void)_InterlockedExchange((volatile long *)(word), (long)(value)))
#define ADD(number, change) ((void)_InterlockedExchangeAdd((volatile long *)(number), (change)))
#else
#include <stdatomic.h>
#define ATOMIC _Atomic
#define TAKE(flag) atomic_compare_exchange_strong((flag), &(int){0}, 1)
#define TAKE_BY(owner, me) atomic_compare_exchange_strong((owner), &(unsigned long){0}, (me))
#define SET(word, value) atomic_store_explicit((word), (value), memory_order_release)
#define ADD(number, change) ((void)atomic_fetch_add((number), (change)))
#endif

#if defined(_MSC_VER)
#define RELAX() YieldProcessor()
#elif defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

#ifdef _WIN32
#include <windows.h>
#define YIELD() SwitchToThread()
#else
#include <sched.h>
#define YIELD() sched_yield()
#endif

#endif
