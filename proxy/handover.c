// SPDX-License-Identifier: Apache-2.0
#include "proxy/handover.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HELLO "serin.1"
#define MESSAGE_MAX (64u << 10)
#define BATCH 64u
#define PATIENCE_S 5

union control {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(BATCH * sizeof(int))];
};

static int address_of(const char *path, struct sockaddr_un *ret, struct err *err) {
  *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof(ret->sun_path))
    return err_set(err, RC_USAGE, "--hand-over: the path is longer than %zu bytes",
                   sizeof(ret->sun_path) - 1);
  memcpy(ret->sun_path, path, strlen(path));
  return 0;
}

// A message with descriptors; 0 or -1 and errno.
static int send_message(int fd, const char *text, const int *fds, size_t count) {
  union control control = {0};
  struct iovec piece = {.iov_base = NULL, .iov_len = strlen(text)};
  union {
    const char *in;
    void *out;
  } body = {text};
  piece.iov_base = body.out;
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
  }
  ssize_t n;
  do
    n = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -1 : 0;
}

// The next message as text, its descriptors appended to fds[*count..room). -1: errno, 0: the end.
static ssize_t receive_message(int fd, char *text, int *fds, size_t *count, size_t room) {
  union control control;
  struct iovec piece = {.iov_base = text, .iov_len = MESSAGE_MAX - 1};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  ssize_t n;
  do
    n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  text[n > 0 ? n : 0] = '\0';
  for (struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL; head;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
      continue;
    size_t got = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < got; i++) {
      int one;
      memcpy(&one, CMSG_DATA(head) + i * sizeof(int), sizeof(one));
      if (*count < room)
        fds[(*count)++] = one;
      else
        (void)close(one);
    }
  }
  return n;
}

// ---- the new process ----

static int receive_sockets(struct handover_offer *offer, char *text, struct err *err) {
  for (;;) {
    size_t before = offer->count;
    unsigned traffic = 0, admin = 0;
    ssize_t n =
        receive_message(offer->connection, text, offer->fds, &offer->count, HANDOVER_SOCKETS_MAX);
    if (n <= 0)
      return err_set(err, RC_IO, "--hand-over: the running proxy %s",
                     n == 0 ? "ended or refused" : strerror(errno));
    if (strcmp(text, "end") == 0)
      return 0;
    if (sscanf(text, "sockets %4u %1u", &traffic, &admin) != 2 ||
        before + traffic + admin != offer->count || admin > 1)
      return err_set(err, RC_PARSE, "--hand-over: the running proxy speaks another language");
    if (admin)
      offer->admin = offer->fds[--offer->count];
  }
}

int handover_ask(const char *path, struct handover_offer *ret, struct err *err) {
  struct sockaddr_un address;
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  *ret = (struct handover_offer){.connection = -1, .admin = -1};
  int rc = address_of(path, &address, err);
  if (rc != 0)
    return rc;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return err_errno(err, "--hand-over");
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
    rc = errno == ENOENT || errno == ECONNREFUSED ? RC_NOT_FOUND
                                                  : err_errno(err, "--hand-over %s", path);
    (void)close(fd);
    return rc;
  }
  ret->connection = fd;
  ret->fds = xcalloc(HANDOVER_SOCKETS_MAX, sizeof(*ret->fds));
  char *text = xmalloc(MESSAGE_MAX);
  rc = send_message(fd, HELLO, NULL, 0) == 0 ? receive_sockets(ret, text, err)
                                             : err_errno(err, "--hand-over %s", path);
  xfree(text);
  if (rc != 0) {
    for (size_t i = 0; i < ret->count; i++)
      (void)close(ret->fds[i]);
    if (ret->admin >= 0)
      (void)close(ret->admin);
    handover_offer_dispose(ret);
  }
  return rc;
}

int handover_ready(struct handover_offer *offer, struct str served, struct err *err) {
  char *text = xmalloc(MESSAGE_MAX);
  size_t none = 0;
  int rc = 0;
  (void)snprintf(text, MESSAGE_MAX, "ready\n%.*s", STR_ARG(served));
  if (send_message(offer->connection, text, NULL, 0) != 0 ||
      receive_message(offer->connection, text, NULL, &none, 0) <= 0)
    rc = err_errno(err, "--hand-over: the old proxy did not answer");
  xfree(text);
  (void)close(offer->connection);
  offer->connection = -1;
  return rc;
}

void handover_offer_dispose(struct handover_offer *offer) {
  if (offer->connection >= 0)
    (void)close(offer->connection);
  xfree(offer->fds);
  *offer = (struct handover_offer){.connection = -1, .admin = -1};
}

bool handover_serves(struct str served, const char *address, uint16_t port) {
  char want[80];
  struct str line;
  (void)snprintf(want, sizeof(want), "%s %u", address, port);
  while (str_next(&served, '\n', &line)) {
    if (str_eq_z(line, want))
      return true;
  }
  return false;
}

// ---- the old process ----

struct handover {
  struct handover_host host;
  uv_loop_t *loop;
  char *path;
  int fd;     // listens
  int client; // the next process, -1: none
  struct stat about;
  uv_poll_t listen_poll, client_poll;
  unsigned open_handles;
  bool client_open, closed, given;
  char *text;
};

static void on_client(uv_poll_t *poll, int status, int events);

static void on_handle_closed(struct handover *handover) {
  if (--handover->open_handles > 0)
    return;
  xfree(handover->path);
  xfree(handover->text);
  xfree(handover);
}

static void on_listen_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct handover, listen_poll));
}

static void on_client_closed(uv_handle_t *handle) {
  struct handover *handover = container_of(handle, struct handover, client_poll);
  handover->client_open = false;
  on_handle_closed(handover);
}

static void drop_client(struct handover *handover) {
  if (handover->client < 0)
    return;
  uv_close((uv_handle_t *)&handover->client_poll, on_client_closed);
  (void)close(handover->client);
  handover->client = -1;
}

static void lose_client(struct handover *handover) {
  LOG(LOG_WARN, "the next proxy process ended before it was ready; this one goes on");
  drop_client(handover);
}

static bool send_sockets(struct handover *handover) {
  int *fds = xcalloc(HANDOVER_SOCKETS_MAX, sizeof(*fds));
  int admin = -1;
  size_t count = handover->host.list(handover->host.ctx, fds, &admin), at = 0;
  bool ok = count > 0;
  while (ok && (at < count || admin >= 0)) {
    int batch[BATCH];
    char text[64];
    size_t traffic = count - at < BATCH - 1 ? count - at : BATCH - 1;
    memcpy(batch, fds + at, traffic * sizeof(*fds));
    at += traffic;
    size_t more = at == count && admin >= 0;
    if (more)
      batch[traffic] = admin;
    (void)snprintf(text, sizeof(text), "sockets %zu %zu", traffic, more);
    ok = send_message(handover->client, text, batch, traffic + more) == 0;
    if (more)
      admin = -1;
  }
  xfree(fds);
  return ok && send_message(handover->client, "end", NULL, 0) == 0;
}

static void on_message(struct handover *handover, struct str text) {
  struct str first, rest = text;
  (void)str_next(&rest, '\n', &first);
  if (str_eq_z(text, HELLO)) {
    if (send_sockets(handover))
      LOG(LOG_INFO, "the listening sockets were passed on");
    else
      lose_client(handover);
  } else if (str_eq_z(first, "ready") && !handover->given) {
    handover->given = true;
    (void)send_message(handover->client, "bye", NULL, 0);
    drop_client(handover);
    handover->host.done(handover->host.ctx, rest);
  } else {
    drop_client(handover);
  }
}

static void on_client(uv_poll_t *poll, int status, int events) {
  struct handover *handover = container_of(poll, struct handover, client_poll);
  size_t none = 0;
  (void)events;
  ssize_t n = receive_message(handover->client, handover->text, NULL, &none, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (status < 0 || n <= 0) {
    lose_client(handover);
    return;
  }
  on_message(handover, (struct str){handover->text, (size_t)n});
}

// Only the same user and root: the file's mode says so already, this is the second lock.
static bool is_ours(int fd) {
  struct ucred peer;
  socklen_t len = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
         (peer.uid == 0 || peer.uid == geteuid());
}

static void on_connect(uv_poll_t *poll, int status, int events) {
  struct handover *handover = container_of(poll, struct handover, listen_poll);
  (void)status, (void)events;
  int fd = accept4(handover->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  if (handover->client_open || handover->given || !is_ours(fd)) { // one at a time
    (void)close(fd);
    return;
  }
  handover->client = fd;
  (void)uv_poll_init(handover->loop, &handover->client_poll, fd);
  (void)uv_poll_start(&handover->client_poll, UV_READABLE, on_client);
  handover->client_open = true;
  handover->open_handles++;
}

// Bound beside `path` and moved there, so that nobody ever finds it half made.
static int open_socket(struct handover *handover, struct err *err) {
  struct sockaddr_un address;
  char text[sizeof(address.sun_path) + 32];
  (void)snprintf(text, sizeof(text), "%s.%ld", handover->path, (long)getpid());
  int rc = address_of(text, &address, err);
  if (rc != 0)
    return rc;
  handover->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (handover->fd < 0)
    return err_errno(err, "--hand-over");
  (void)unlink(text);
  if (bind(handover->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
      chmod(text, 0600) != 0 || listen(handover->fd, 4) != 0 || rename(text, handover->path) != 0 ||
      lstat(handover->path, &handover->about) != 0) {
    rc = err_errno(err, "--hand-over %s", handover->path);
    (void)unlink(text);
    (void)close(handover->fd);
    return rc;
  }
  return 0;
}

int handover_serve(uv_loop_t *loop, const char *path, const struct handover_host *host,
                   struct handover **ret_handover, struct err *err) {
  struct handover *handover = XNEW(struct handover);
  handover->host = *host;
  handover->loop = loop;
  handover->path = xstrdup(path);
  handover->client = -1;
  int rc = open_socket(handover, err);
  if (rc != 0) {
    xfree(handover->path);
    xfree(handover);
    return rc;
  }
  handover->text = xmalloc(MESSAGE_MAX);
  (void)uv_poll_init(loop, &handover->listen_poll, handover->fd);
  (void)uv_poll_start(&handover->listen_poll, UV_READABLE, on_connect);
  handover->open_handles = 1;
  *ret_handover = handover;
  return 0;
}

void handover_close(struct handover *handover) {
  struct stat there;
  if (!handover || handover->closed)
    return;
  handover->closed = true;
  if (lstat(handover->path, &there) == 0 && there.st_ino == handover->about.st_ino &&
      there.st_dev == handover->about.st_dev)
    (void)unlink(handover->path);
  drop_client(handover);
  uv_close((uv_handle_t *)&handover->listen_poll, on_listen_closed);
  (void)close(handover->fd);
}
