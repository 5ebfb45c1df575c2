/* Debian's newer suites compile OpenSSL against glibc 2.38, whose headers turn strtol and its family into these names.
   An older glibc has none of them, so a library relinked for it brings them along.  Compile this as C11: under C23 the
   calls below would be renamed too, and call themselves. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

long __isoc23_strtol(const char *text, char **end, int base)
{
    return strtol(text, end, base);
}

unsigned long __isoc23_strtoul(const char *text, char **end, int base)
{
    return strtoul(text, end, base);
}

int __isoc23_sscanf(const char *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int found = vsscanf(text, format, arguments);
    va_end(arguments);
    return found;
}
