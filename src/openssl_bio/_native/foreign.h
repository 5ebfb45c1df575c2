/* A BIO that Python fills and empties: see foreign.c. */

BIO *obio_foreign_new(void *handle);
