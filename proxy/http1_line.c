// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1_line.h"

#include "manifests/base/bug.h"

#include <string.h>

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))
#define HIGH_BITS EACH_BYTE(0x80u)

// Whether one of the eight bytes is a control byte: below 0x20, or 0x7f. Subtraction borrows into
// the high bit of such a byte; another may only follow where there was one already.
static bool has_control(uint64_t bytes) {
  uint64_t deleted = bytes ^ EACH_BYTE(0x7fu);
  uint64_t below = (bytes - EACH_BYTE(0x20u)) & ~bytes;
  return ((below | ((deleted - EACH_BYTE(1u)) & ~deleted)) & HIGH_BITS) != 0;
}

static bool is_control(char c) {
  return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool bytes_are_text(const char *at, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (is_control(at[i]) && at[i] != '\t')
      return false;
  }
  return true;
}

static bool word_is_text(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof(word));
  return !has_control(word) || bytes_are_text(at, sizeof(word));
}

// Bytes of a field value (RFC 9110 5.5): printable, spaces, tabs and obs-text.
static bool is_text(const char *at, size_t len) {
  if (len < 8)
    return bytes_are_text(at, len);
  const char *last = at + len - 8; // the last word overlaps the one before
  for (; at < last; at += 8) {
    if (!word_is_text(at))
      return false;
  }
  return word_is_text(last);
}

// "HTTP/1.0" or "HTTP/1.1" at the given place; sets minor.
static bool read_version(const char *at, int *minor) {
  if (memcmp(at, "HTTP/1.", 7) != 0 || at[7] < '0' || at[7] > '1')
    return false;
  *minor = at[7] - '0';
  return true;
}

#define VERSION_LENGTH 8u

// Takes the authority out of "http://authority/path"; the rest stays in *target.
static bool split_absolute(struct str *target, struct str *ret_authority) {
  size_t scheme = 0;
  if (target->len > 7 && str_eq_nocase(str_slice(*target, 0, 7), STR("http://")))
    scheme = 7;
  else if (target->len > 8 && str_eq_nocase(str_slice(*target, 0, 8), STR("https://")))
    scheme = 8;
  else
    return false;
  size_t end = scheme;
  while (end < target->len && !memchr("/?#", target->ptr[end], 3))
    end++;
  *ret_authority = str_slice(*target, scheme, end);
  *target = str_slice(*target, end, target->len);
  return true;
}

static struct http1_fault read_path(char *path, size_t len, enum head_path_mode mode,
                                    struct head *head) {
  if (!head_path_normalize(path, &len, mode))
    return (struct http1_fault){400, STR("path_normalization_failed")};
  ptrdiff_t query = str_find_char((struct str){path, len}, '?');
  head->path = (struct str){path, query < 0 ? len : (size_t)query};
  head->query = query < 0 ? STR_NULL : (struct str){path + query + 1, len - (size_t)query - 1};
  return HTTP1_OK;
}

static struct http1_fault read_target(char *line, struct str target, enum head_path_mode mode,
                                      struct head *head, struct str *absolute) {
  if (head->is_connect)
    return head_authority_is_valid(target) ? HTTP1_OK : HTTP1_BAD;
  if (str_eq(target, STR("*"))) {
    head->path = target;
    return str_eq(head->method, STR("OPTIONS")) ? HTTP1_OK : HTTP1_BAD;
  }
  if (target.ptr[0] != '/' && !split_absolute(&target, absolute))
    return HTTP1_BAD;
  if (absolute->ptr && !head_authority_is_valid(*absolute))
    return HTTP1_BAD;
  if (target.len == 0) {
    head->path = STR("/");
    return HTTP1_OK;
  }
  if (target.ptr[0] == '#')
    return HTTP1_BAD;
  if (target.ptr[0] == '?') { // "http://host?query"
    ptrdiff_t hash = str_find_char(target, '#');
    head->path = STR("/");
    head->query = str_slice(target, 1, hash < 0 ? target.len : (size_t)hash);
    return HTTP1_OK;
  }
  // The bytes are the caller's own; a view only hands them around as const.
  return read_path(line + (target.ptr - line), target.len, mode, head);
}

// How many bytes of `at` up to `end` are printable ASCII: what may stand in a target (RFC 3986, and
// what browsers send besides).
static size_t target_length(const char *at, const char *end) {
  const char *from = at;
  while (at < end && (unsigned char)*at > ' ' && (unsigned char)*at < 0x7f)
    at++;
  return (size_t)(at - from);
}

struct http1_fault http1_line_request(char *line, size_t len, enum head_path_mode mode,
                                      struct head *head, struct str *ret_absolute) {
  // "M T HTTP/1.1\r" at least
  if (len < 4 + VERSION_LENGTH + 1 || line[len - 1] != '\r')
    return HTTP1_BAD;
  const char *version = line + len - 1 - VERSION_LENGTH;
  const char *space = memchr(line, ' ', (size_t)(version - line));
  if (!space || space == line || version[-1] != ' ')
    return HTTP1_BAD;
  struct str target = {space + 1, target_length(space + 1, version - 1)};
  if (target.len == 0 || target.ptr + target.len != version - 1)
    return HTTP1_BAD;
  if (!read_version(version, &head->minor))
    return memcmp(version, "HTTP/", 5) == 0
               ? (struct http1_fault){505, STR("http1.unsupported_version")}
               : HTTP1_BAD;
  head->method = (struct str){line, (size_t)(space - line)};
  if (!head_classify_method(head))
    return HTTP1_BAD;
  return read_target(line, target, mode, head, ret_absolute);
}

struct http1_fault http1_line_status(const char *line, size_t len, struct head *head) {
  // "HTTP/1.1 200" and then nothing, or a space and a reason.
  if (len < VERSION_LENGTH + 5 || line[len - 1] != '\r' || !read_version(line, &head->minor) ||
      line[8] != ' ' || (len > 13 && line[12] != ' ') || !is_text(line, len - 1))
    return HTTP1_BAD;
  int status = 0;
  for (int i = 9; i < 12; i++) {
    if (line[i] < '0' || line[i] > '9')
      return HTTP1_BAD;
    status = status * 10 + (line[i] - '0');
  }
  if (status < 100 || status > 599)
    return HTTP1_BAD;
  head->status = status;
  return HTTP1_OK;
}

bool http1_line_field(char *line, size_t len, struct str *ret_name, struct str *ret_value) {
  size_t name_len = head_lower_token(line, len);
  if (name_len == 0 || name_len + 1 >= len || line[name_len] != ':' || line[len - 1] != '\r')
    return false;
  const char *from = line + name_len + 1, *to = line + len - 1;
  if (!is_text(from, (size_t)(to - from)))
    return false;
  while (from < to && (*from == ' ' || *from == '\t'))
    from++;
  while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
    to--;
  *ret_name = (struct str){line, name_len};
  *ret_value = (struct str){from, (size_t)(to - from)};
  return true;
}

bool http1_line_may_begin(const char *line, size_t len, bool is_response) {
  static const char version[] = "HTTP/1.";
  BUG_ON(len == 0);
  if (is_response)
    return memcmp(line, version, len < 7 ? len : 7) == 0;
  return line[0] >= 'A' && line[0] <= 'Z';
}

bool http1_line_may_hold(const char *bytes, size_t len) {
  if (len > 0 && bytes[len - 1] == '\r')
    len--;
  return is_text(bytes, len);
}
