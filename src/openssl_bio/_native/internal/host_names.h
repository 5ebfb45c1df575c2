/* hosts.h for C, and what the C engine alone calls: see hosts.c. */
#ifndef OBIO_HOST_NAMES_H
#define OBIO_HOST_NAMES_H

#include <openssl/ssl.h>

#include "hosts.h"

int obio_send_name(SSL *ssl, const char *name, size_t size);

#endif
