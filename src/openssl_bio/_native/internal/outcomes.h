/* operations.h for C, and how an outcome is filled in: see operations.c. */
#ifndef OBIO_OUTCOMES_H
#define OBIO_OUTCOMES_H

#include <openssl/ssl.h>

#include <stdint.h>

#include "operations.h"

int obio_pass_early_data(SSL *ssl);
void obio_forget(obio_outcome *outcome);
void obio_begin(obio_outcome *outcome);
int obio_conclude(SSL *ssl, int result, size_t count, obio_outcome *outcome);

#endif
