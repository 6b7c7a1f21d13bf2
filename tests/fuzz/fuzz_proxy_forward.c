// SPDX-License-Identifier: Apache-2.0
// What a client says, in pieces the input chooses, through a whole worker to a backend that answers
// each request: the backend, which reads with a strict parser of its own, sees exactly the requests
// that the decoder finds in the same bytes when it gets them in one piece. Neither one more (that
// would be smuggled) nor one in another form.
#include "manifests/base/bug.h"
#include "proxy/connection.h"
#include "proxy/upstream_pool.h"
#include "tests/fuzz/support_proxy.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES_MAX 30000u
#define BACKENDS 8

struct request {
  uint64_t target, body; // hashes
  size_t body_len;
};

struct log {
  struct request all[2000];
  size_t count;
  size_t
      sure; // further ones may be lost: an answer of our own may come before the end of a request
};

struct backend {
  int fd; // -1: free
  char data[8 * BYTES_MAX];
  size_t len;
};

static struct worker *worker;
static int listener;
static struct log expected, seen;
static struct backend backends[BACKENDS];
static char bytes[BYTES_MAX], body[BYTES_MAX];
static struct head head;

static void add(struct log *log, struct str method, struct str target, struct str text) {
  BUG_ON(log->count == sizeof(log->all) / sizeof(log->all[0]));
  log->all[log->count++] =
      (struct request){str_hash(method) ^ str_hash(target) << 1, str_hash(text), text.len};
}

// ---- the reference ----

static struct str target_of(char *room) {
  size_t len = head.path.len;
  memcpy(room, head.path.ptr, len);
  if (head.query.ptr) {
    room[len++] = '?';
    if (head.query.len > 0)
      memcpy(room + len, head.query.ptr, head.query.len);
    len += head.query.len;
  }
  return (struct str){room, len};
}

static bool no_header(const void *headers, struct str name, size_t nth, struct str *ret_value) {
  (void)headers, (void)name, (void)nth, (void)ret_value;
  return false;
}

// Others are answered by the proxy itself.
static bool is_routed(void) {
  struct route_request request = {.listener_port = 80,
                                  .authority = head.authority,
                                  .method = head.method,
                                  .scheme = STR("http"),
                                  .path = head.path,
                                  .query = head.query,
                                  .header = no_header};
  struct route_decision decision;
  route_match(worker->table, &request, &worker->router, &decision);
  return decision.kind == ROUTE_FORWARD;
}

static bool ends_here(void) {
  const struct head_field *upgrade = head_find(&head, HEAD_UPGRADE);
  return head.is_connect ||
         (head.wants_upgrade && upgrade && str_eq_nocase(upgrade->value, STR("websocket")));
}

static void decode_whole(size_t size) {
  static char target[BYTES_MAX + 1], method[64];
  struct http1_decoder decoder;
  size_t at = 0, len = 0, method_len = 0;
  struct str to = STR_NULL;
  bool routed = false;
  http1_decoder_init(&decoder, false, NULL);
  http1_decoder_start(&decoder, &head, false);
  for (;;) {
    size_t used;
    struct str piece;
    enum http1_event event = http1_decode(&decoder, bytes + at, size - at, &used, &piece);
    at += used;
    if (event == HTTP1_HEAD) {
      len = 0;
      method_len = head.method.len;
      memcpy(method, head.method.ptr, method_len);
      to = target_of(target);
      routed = is_routed();
      if (!routed && head.length != 0 && expected.sure > expected.count)
        expected.sure = expected.count;
      if (ends_here())
        break;
    } else if (event == HTTP1_BODY) {
      memcpy(body + len, piece.ptr, piece.len);
      len += piece.len;
    } else if (event == HTTP1_END) {
      if (routed)
        add(&expected, (struct str){method, method_len}, to, (struct str){body, len});
      if (!head.keep_alive)
        break;
      http1_decoder_start(&decoder, &head, false);
    } else {
      break;
    }
  }
  http1_decoder_dispose(&decoder);
}

// ---- the backend ----

static struct str line_at(const struct backend *b, size_t at) {
  char *lf = memchr(b->data + at, '\n', b->len - at);
  if (!lf)
    return STR_NULL;
  BUG_ON(lf == b->data + at || lf[-1] != '\r');
  struct str line = {b->data + at, (size_t)(lf - (b->data + at)) - 1};
  BUG_ON(str_find_char(line, '\r') >= 0);
  return line;
}

static bool has_name(struct str line, struct str name) {
  return line.len > name.len + 1 && str_starts(line, name) && line.ptr[name.len] == ':';
}

// The chunks that begin at `at`, joined; 0 when they are not all there, else the place behind.
static size_t read_chunks(const struct backend *b, size_t at, struct str *ret) {
  size_t len = 0;
  for (;;) {
    struct str line = line_at(b, at);
    size_t size = 0;
    if (!line.ptr)
      return 0;
    BUG_ON(line.len == 0 || line.len > 6);
    for (size_t i = 0; i < line.len; i++) {
      const char *digit = memchr("0123456789abcdef", line.ptr[i], 16);
      BUG_ON(!digit);
      size = size * 16 + (size_t)(digit - "0123456789abcdef");
    }
    at += line.len + 2;
    if (size == 0)
      break;
    if (b->len - at < size + 2)
      return 0;
    memcpy(body + len, b->data + at, size);
    len += size;
    BUG_ON(memcmp(b->data + at + size, "\r\n", 2) != 0);
    at += size + 2;
  }
  *ret = (struct str){body, len};
  for (;;) { // trailers
    struct str line = line_at(b, at);
    if (!line.ptr)
      return 0;
    at += line.len + 2;
    if (line.len == 0)
      return at;
    BUG_ON(str_find_char(line, ':') <= 0 || has_name(line, STR("host")) ||
           has_name(line, STR("content-length")) || has_name(line, STR("transfer-encoding")));
  }
}

// One request off the front; false when it is not all there.
static bool read_request(struct backend *b, bool *ret_is_head) {
  struct str first = line_at(b, 0), text = STR_NULL;
  size_t at = first.len + 2, hosts = 0, lengths = 0, codings = 0;
  int64_t length = 0;
  if (!first.ptr)
    return false;
  for (;;) {
    struct str line = line_at(b, at);
    if (!line.ptr)
      return false;
    at += line.len + 2;
    if (line.len == 0)
      break;
    BUG_ON(str_find_char(line, ':') <= 0 || line.ptr[0] == ' ' || line.ptr[0] == '\t');
    hosts += has_name(line, STR("host"));
    codings += str_eq(line, STR("transfer-encoding: chunked"));
    BUG_ON(has_name(line, STR("transfer-encoding")) &&
           !str_eq(line, STR("transfer-encoding: chunked")));
    if (has_name(line, STR("content-length"))) {
      lengths++;
      BUG_ON(!str_to_i64(str_slice(line, 16, line.len), &length) || length < 0);
    }
  }
  BUG_ON(hosts != 1 || lengths + codings > 1);
  if (codings > 0) {
    at = read_chunks(b, at, &text);
    if (at == 0)
      return false;
  } else {
    if ((int64_t)(b->len - at) < length)
      return false;
    text = (struct str){b->data + at, (size_t)length};
    at += (size_t)length;
  }
  struct str method, target;
  BUG_ON(!str_next(&first, ' ', &method) || !str_next(&first, ' ', &target) ||
         !str_eq(first, STR("HTTP/1.1")));
  add(&seen, method, target, text);
  *ret_is_head = str_eq(method, STR("HEAD"));
  memmove(b->data, b->data + at, b->len - at);
  b->len -= at;
  return true;
}

static void serve(struct backend *b) {
  static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  ssize_t n;
  bool is_head;
  while ((n = recv(b->fd, b->data + b->len, sizeof(b->data) - b->len, MSG_DONTWAIT)) > 0)
    b->len += (size_t)n;
  while (read_request(b, &is_head))
    (void)send(b->fd, answer, sizeof(answer) - 1 - (is_head ? 2 : 0), MSG_NOSIGNAL);
  if (n == 0) {
    (void)close(b->fd);
    b->fd = -1;
  }
}

static void turn(void) {
  (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
  for (struct backend *b = backends; b < backends + BACKENDS; b++) {
    if (b->fd < 0) {
      b->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      b->len = 0;
    }
    if (b->fd >= 0)
      serve(b);
  }
}

static void drop(int fd) {
  char sink[4096];
  while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
    ;
}

// Bytes until `size`, in pieces of 1 to 2^n bytes.
static void say_in_pieces(int fd, size_t size, uint64_t seed) {
  struct rng rng;
  rng_init(&rng, seed);
  unsigned bits = (unsigned)(rng_next(&rng) % 15);
  for (size_t at = 0; at < size;) {
    size_t len = 1 + (size_t)(rng_next(&rng) & ((1u << bits) - 1));
    len = len < size - at ? len : size - at;
    ssize_t sent = send(fd, bytes + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
      at += (size_t)sent;
    else if (worker->connection_count == 0)
      break; // it has refused the rest
    turn();
    drop(fd);
    if (worker->connections && worker->connections->state == CONNECTION_LINGER)
      break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int pair[2];
  struct sockaddr_in peer = {.sin_family = AF_INET};
  if (!head.fields) // kept over the runs
    head_init(&head);
  if (!worker) {
    worker = support_worker(&listener);
    for (int i = 0; i < BACKENDS; i++)
      backends[i].fd = -1;
  }
  if (size > BYTES_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
    return 0;
  expected.count = seen.count = 0;
  expected.sure = SIZE_MAX;
  memcpy(bytes, data, size);
  decode_whole(size);
  if (size > 0)
    memcpy(bytes, data, size); // reading changes heads in place
  connection_open(worker, pair[0], (struct sockaddr *)(void *)&peer, 80, (struct table_slot){0});
  say_in_pieces(pair[1], size, str_hash((struct str){(const char *)data, size}));
  (void)shutdown(pair[1], SHUT_WR);
  for (int i = 0; worker->connection_count > 0; i++) {
    BUG_ON(i > 100000);
    turn();
    drop(pair[1]);
  }
  (void)close(pair[1]);
  BUG_ON(seen.count > expected.count);
  BUG_ON(seen.count < expected.count && seen.count < expected.sure);
  for (size_t i = 0; i < seen.count; i++)
    BUG_ON(memcmp(&expected.all[i], &seen.all[i], sizeof(struct request)) != 0);
  upstream_close_idle(worker);
  for (int i = 0; i < 3; i++)
    turn();
  BUG_ON(worker->upstreams || worker->connections || worker->holder->users != 0);
  return 0;
}
