#ifndef HTTP_H
#define HTTP_H

#include <stddef.h>

/* Writes the answer to one request line into `answer`; returns its length. */
size_t http_answer(const char *request, const char *name, char *answer, size_t size);

#endif
