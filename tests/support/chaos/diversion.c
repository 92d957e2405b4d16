/* Leads what a program connects to at one port of 127.0.0.1 to another port, as a router between would: preloaded,
   for the ports that PI_AUTO_TEST_DIVERSION names ("FROM TO"). The program knows nothing of it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int (*real)(int, const struct sockaddr *, socklen_t);
static in_port_t from, to;

__attribute__((constructor)) static void look(void)
{
    const char *told = getenv("PI_AUTO_TEST_DIVERSION");
    unsigned short first = 0, second = 0;
    if (told && sscanf(told, "%hu %hu", &first, &second) == 2) {
        from = htons(first);
        to = htons(second);
    }
}

int connect(int descriptor, const struct sockaddr *address, socklen_t length)
{
    struct sockaddr_in there;
    if (!real)
        real = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    if (!from || address->sa_family != AF_INET || length < sizeof there)
        return real(descriptor, address, length);
    memcpy(&there, address, sizeof there);
    if (there.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && there.sin_port == from)
        there.sin_port = to;
    return real(descriptor, (struct sockaddr *)&there, sizeof there);
}
