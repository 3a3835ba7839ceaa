#include "http.h"

#include <stdio.h>
#include <string.h>

static size_t respond(char *answer, size_t size, const char *status, const char *body)
{
    int length = snprintf(answer, size,
                          "HTTP/1.0 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                          status, strlen(body), body);
    if (length < 0)
        return 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}

size_t http_answer(const char *request, const char *name, char *answer, size_t size)
{
    char method[16], path[256], body[512];

    if (sscanf(request, "%15s %255s", method, path) != 2)
        return respond(answer, size, "400 Bad Request", "not a request\n");
    if (strcmp(method, "GET") != 0)
        return respond(answer, size, "405 Method Not Allowed", "only GET\n");
    if (strcmp(path, "/health") == 0)
        return respond(answer, size, "200 OK", "ok\n");
    if (strcmp(path, "/hello") == 0) {
        snprintf(body, sizeof body, "hello from %s\n", name);
        return respond(answer, size, "200 OK", body);
    }
    return respond(answer, size, "404 Not Found", "there is nothing here\n");
}
