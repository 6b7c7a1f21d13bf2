// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/supervisor_ports.h"
#include "operator/standalone/shim_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
  const char *key, *option, *what;
} names[PORT_NAMES] = {
    [PORT_API] = {"api", "--api-port", "the API server"},
    [PORT_HTTP] = {"http", "--http-port", "the proxy"},
    [PORT_ADMIN] = {"admin", "--admin-port", "the proxy's admin page"},
    [PORT_OPERATOR] = {"operator", NULL, "the operator's metrics"},
    [PORT_PROMETHEUS] = {"prometheus", NULL, "Prometheus"},
};

static int bind_one(int port, bool reuse, int *ret_fd, int *ret_port, struct err *err) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd < 0)
    return err_errno(err, "cannot make a socket");
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse)
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int rc = RC_OK;
  if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, SOMAXCONN) < 0 ||
      getsockname(fd, (struct sockaddr *)&at, &len) < 0)
    rc = errno == EADDRINUSE ? err_set(err, RC_EXISTS, "port %d is taken", port)
                             : err_errno(err, "cannot listen on port %d", port);
  if (rc != RC_OK) {
    close(fd);
    return rc;
  }
  *ret_fd = fd;
  *ret_port = ntohs(at.sin_port);
  return RC_OK;
}

static int explain(int rc, enum port_name name, bool kept, const char *path, struct err *err) {
  if (rc != RC_EXISTS)
    return err_wrap(err, rc, "%s", names[name].what);
  struct err before = *err;
  if (kept && names[name].option)
    return err_set(err, rc, "%s: %s; it is the one kept in %s: end what uses it, or give %s N",
                   names[name].what, before.msg, path, names[name].option);
  if (kept)
    return err_set(err, rc,
                   "%s: %s; it is the one kept in %s: end what uses it, or take it out of "
                   "that file",
                   names[name].what, before.msg, path);
  return err_set(err, rc, "%s: %s; give another %s N, or 0 for any free one", names[name].what,
                 before.msg, names[name].option);
}

int ports_open(struct ports *ports, const char *path, const int64_t asked[PORT_NAMES],
               size_t workers, struct err *err) {
  struct arena arena;
  struct json *saved = NULL;
  arena_init(&arena);
  *ports = (struct ports){.worker_count = 0};
  for (int i = 0; i < PORT_NAMES; i++)
    ports->fds[i] = -1;
  int rc = shim_file_read_json(path, &arena, &saved, err);
  if (rc == RC_NOT_FOUND || (rc == RC_OK && !json_is(saved, JSON_OBJECT)))
    rc = RC_OK, saved = json_new_object(&arena);
  for (int i = 0; rc == RC_OK && i < PORT_NAMES; i++) {
    int kept = (int)json_int(json_get(saved, names[i].key), 0);
    bool is_kept = asked[i] <= 0 && kept > 0 && kept < 65536;
    int wanted = asked[i] > 0 ? (int)asked[i] : is_kept ? kept : 0;
    rc = bind_one(wanted, false, &ports->fds[i], &ports->numbers[i], err);
    if (rc != RC_OK)
      rc = explain(rc, (enum port_name)i, is_kept, path, err);
    json_put_int(&arena, saved, names[i].key, ports->numbers[i]);
  }
  // The proxy's port was bound without SO_REUSEPORT first: with it another process of ours on the
  // same port would go unnoticed.
  if (rc == RC_OK) {
    close(ports->fds[PORT_HTTP]);
    close(ports->fds[PORT_PROMETHEUS]);
    ports->fds[PORT_HTTP] = ports->fds[PORT_PROMETHEUS] = -1;
  }
  for (size_t i = 0; rc == RC_OK && i < workers && i < PORTS_WORKERS_MAX; i++) {
    int port;
    rc = bind_one(ports->numbers[PORT_HTTP], true, &ports->workers[i], &port, err);
    ports->worker_count += rc == RC_OK;
  }
  if (rc == RC_OK)
    rc = shim_file_write_json(path, saved, err);
  if (rc != RC_OK)
    ports_close(ports);
  arena_dispose(&arena);
  return rc;
}

void ports_close(struct ports *ports) {
  for (int i = 0; i < PORT_NAMES; i++)
    if (ports->fds[i] >= 0)
      close(ports->fds[i]);
  for (size_t i = 0; i < ports->worker_count; i++)
    close(ports->workers[i]);
  ports->worker_count = 0;
}
