/* The lock of one object, as a Python type: see guard.c.  What each call does is here, so that it is part of the call. */
#ifndef OBIO_GUARD_H
#define OBIO_GUARD_H

#include <Python.h>

#include "internal/atomics.h"

typedef struct obio_guard obio_guard;
struct obio_guard {
    PyObject_HEAD
    PyThread_type_lock gate;    /* NULL until somebody has to wait */
    ATOMIC int is_open;         /* the gate, which may be a semaphore that counts how often it is opened */
    ATOMIC unsigned long owner; /* 0 for nobody */
    ATOMIC int waiting;
    unsigned depth;
    unsigned operation; /* how deep the thread was in when that began; 0 for none */
    unsigned visits;
    ATOMIC int callbacks; /* how many are running, nested */
};

extern PyType_Spec obio_guard_spec;

int obio_guard_wait(obio_guard *guard, unsigned long me);
int obio_guard_try(obio_guard *guard);
void obio_guard_release(obio_guard *guard);
void obio_guard_callback(obio_guard *guard, int change);

/* Which thread this is, never 0: on Linux its thread pointer, which is read at once; pthread_self() takes two calls. */
static inline unsigned long obio_this_thread(void)
{
#if defined(__linux__) && defined(__has_builtin)
#if __has_builtin(__builtin_thread_pointer)
    return (unsigned long)__builtin_thread_pointer();
#endif
#endif
    return PyThread_get_thread_ident();
}

/* Whether the thread that has the lock is inside of an operation, or in a callback. */
static inline int obio_guard_is_busy(const obio_guard *guard)
{
    return guard->operation != 0 || guard->callbacks != 0;
}

/* Take the lock.  0, or 1 where the thread has it and is inside of an operation, or -1 with an exception set. */
static inline int obio_guard_enter(obio_guard *guard)
{
    unsigned long me = obio_this_thread();

    if (guard->owner != me && !TAKE_BY(&guard->owner, me) && obio_guard_wait(guard, me) < 0)
        return -1;
    guard->depth++;
    return obio_guard_is_busy(guard);
}

/* An operation begins, which ends when the thread leaves as often as it has entered since. */
static inline void obio_guard_operate(obio_guard *guard)
{
    if (guard->operation == 0)
        guard->operation = guard->depth;
}

/* Let others in. */
static inline void obio_guard_leave(obio_guard *guard)
{
    if (guard->operation == guard->depth)
        guard->operation = 0;
    if (--guard->depth > 0)
        return;
    guard->owner = 0;
    if (guard->waiting > 0 && TAKE(&guard->is_open))
        PyThread_release_lock(guard->gate);
}

#endif
