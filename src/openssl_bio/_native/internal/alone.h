/*
 * A few lines that have an object to themselves.  With the GIL all C has that, as long as it enters no Python; without
 * it, Python has locks in objects, which are let go where a thread waits.  So nothing between the two may enter Python.
 */
#ifndef OBIO_ALONE_H
#define OBIO_ALONE_H

#include <Python.h>

#ifdef Py_GIL_DISABLED
#define BEGIN_ALONE(object) Py_BEGIN_CRITICAL_SECTION(object)
#define END_ALONE() Py_END_CRITICAL_SECTION()
#else
#define BEGIN_ALONE(object) {
#define END_ALONE() }
#endif

#endif
