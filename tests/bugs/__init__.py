"""One test for each class of bugs that other TLS bindings had, over the faces that it concerns.

Each test has the number of its class: A, memory safety (`test_memory`); B, errors (`test_errors`); C, threads, fork and
signals (`test_threads`); D, leaks, and E, the interface (`test_interface`). None of the 26 classes is left out. Of two,
a part cannot concern us:

- A5, the allocations that fail in a constructor: `tests/core/test_faults.py` makes each fail; here are bad arguments.
- C18, sub-interpreters: the extension module cannot be imported in a second one; see `test_processes`.
"""
