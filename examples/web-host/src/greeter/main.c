/* greeter [--once] [--port N] [--database-password-file FILE] NAME: answers HTTP requests. */
#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer_one(int in, int out, const char *name)
{
    char request[2048], answer[4096];
    ssize_t got = read(in, request, sizeof request - 1);

    if (got <= 0)
        return;
    request[got] = '\0';
    size_t length = http_answer(request, name, answer, sizeof answer);
    for (size_t sent = 0; sent < length;) {
        ssize_t n = write(out, answer + sent, length - sent);
        if (n <= 0)
            return;
        sent += (size_t)n;
    }
}

static int serve(unsigned short port, const char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0)
        return perror("greeter: socket"), 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64))
        return perror("greeter: listen"), 1;
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (peer < 0)
            continue;
        answer_one(peer, peer, name);
        close(peer);
    }
}

int main(int argc, char **argv)
{
    int once = 0, port = 8080, at = 1;

    for (; at < argc - 1; at++) {
        if (strcmp(argv[at], "--once") == 0)
            once = 1;
        else if (strcmp(argv[at], "--port") == 0)
            port = atoi(argv[++at]);
        else if (strcmp(argv[at], "--database-password-file") == 0)
            at++; /* read by the part that talks to the database */
        else
            break;
    }
    if (at != argc - 1 || port < 1 || port > 65535) {
        fprintf(stderr, "usage: greeter [--once] [--port N] [--database-password-file FILE] NAME\n");
        return 2;
    }
    if (once)
        return answer_one(0, 1, argv[at]), 0;
    return serve((unsigned short)port, argv[at]);
}
