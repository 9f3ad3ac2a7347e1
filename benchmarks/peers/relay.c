/* relay.c - the least that a relay does here: bytes in, bytes out, nothing looked at. It is no chat server; it shows what the
 * system itself takes.
 *
 * build:  gcc -O2 -o relay relay.c
 * usage:  relay PORT
 *
 * Users are called u0 to u65535. The first read of a connection is its name; each further read goes out as it came, to the user
 * whom its first packet is for, or to everyone else for "/shout". It ends when the system does not take a piece whole.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536, EVENTS = 512, NOBODY = -1, EVERYONE = -2 };

static int named[MOST], socket_of[MOST], to_of[MOST]; /* by descriptor, by name, by descriptor */
static int users;                                    /* one more than the highest name */
static char data[1 << 17];

static void die(const char *what) { perror(what); exit(1); }

static void give(int fd, int size) {
    int sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent != size && (sent >= 0 || (errno != EPIPE && errno != ECONNRESET))) die("send");
}

static void enter(int epoll, int door) {
    int fd, one = 1;
    while ((fd = accept4(door, 0, 0, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= MOST) die("too many");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        named[fd] = to_of[fd] = NOBODY;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
    }
}

static void leave(int fd) {
    if (named[fd] != NOBODY) socket_of[named[fd]] = 0;
    close(fd);
}

static void serve(int fd) {
    int size = recv(fd, data, sizeof data - 1, 0);
    if (size <= 0) { leave(fd); return; }
    data[size] = 0;
    if (named[fd] == NOBODY) {
        int name = atoi(data + 1) & (MOST - 1);
        named[fd] = name;
        socket_of[name] = fd;
        if (name >= users) users = name + 1;
        size = sprintf(data, "Welcome\n");
        give(fd, size);
        return;
    }
    char *to = memmem(data, size, "\"to\":\"", 6);
    if (to) to_of[fd] = to[6] == 'u' ? atoi(to + 7) & (MOST - 1) : EVERYONE;
    if (to_of[fd] >= 0) {
        if (socket_of[to_of[fd]]) give(socket_of[to_of[fd]], size);
    } else if (to_of[fd] == EVERYONE) {
        for (int name = 0; name < users; name++)
            if (socket_of[name] && socket_of[name] != fd) give(socket_of[name], size);
    }
}

int main(int count, char **words) {
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = door}, events[EVENTS];
    if (count != 2) { fprintf(stderr, "usage: relay PORT\n"); return 2; }
    address.sin_port = htons(atoi(words[1]));
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(door, (void *)&address, sizeof address) || listen(door, 4096)) die("listen");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, door, &event)) die("epoll_ctl");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++)
            events[i].data.fd == door ? enter(epoll, door) : serve(events[i].data.fd);
    }
}
