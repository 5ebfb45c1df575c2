/* Memory for boxes: see buffers.c. */
#ifndef OBIO_BUFFERS_H
#define OBIO_BUFFERS_H

#include <stddef.h>

unsigned char *obio_buffer_new(size_t size, size_t *room);
void obio_buffer_free(unsigned char *buffer, size_t room);
void obio_buffers_settle(size_t size);

#endif
