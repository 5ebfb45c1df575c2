/* The lock of one object, as a Python type: see guard.c. */
#ifndef OBIO_GUARD_H
#define OBIO_GUARD_H

#include <Python.h>

typedef struct obio_guard obio_guard;

extern PyType_Spec obio_guard_spec;

int obio_guard_enter(obio_guard *guard);
int obio_guard_try(obio_guard *guard);
void obio_guard_leave(obio_guard *guard);
void obio_guard_callback(obio_guard *guard, int change);
int obio_guard_is_busy(const obio_guard *guard);
void obio_guard_operate(obio_guard *guard);
unsigned obio_guard_visits(const obio_guard *guard);

#endif
