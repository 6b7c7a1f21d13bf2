// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1.h"

#include "manifests/base/bug.h"

#include <string.h>

#define CONNECTION_OPTIONS_MAX 32u

static int fault(struct http1_decoder *d, struct http1_fault found) {
  if (d->fault.status == 0)
    d->fault = found;
  return -1;
}

static int fail(struct http1_decoder *d, int status, struct str details) {
  return fault(d, (struct http1_fault){status, details});
}

static int too_large(struct http1_decoder *d) {
  return fail(d, 413, STR("request_payload_too_large"));
}

static int bad(struct http1_decoder *d) {
  return fault(d, HTTP1_BAD);
}

void http1_decoder_init(struct http1_decoder *d, bool is_response,
                        const struct http1_rules *rules) {
  static const struct http1_rules standard;
  *d = (struct http1_decoder){.is_response = is_response,
                              .rules = rules && !is_response ? rules : &standard};
}

void http1_decoder_dispose(struct http1_decoder *d) {
  http1_frame_dispose(&d->frame);
}

void http1_decoder_start(struct http1_decoder *d, struct head *head, bool no_body) {
  d->head = head;
  d->fault = (struct http1_fault){0};
  d->head_done = false;
  d->no_body = no_body;
  d->start = d->line = NULL;
  d->head_len = 0;
  d->dropped = 0;
  d->absolute = STR_NULL;
  head_reset(head);
}

const struct head_trailers *http1_decoder_trailers(const struct http1_decoder *d) {
  const struct head_trailers *trailers = d->head_done ? d->frame.trailers : NULL;
  return trailers && trailers->count > 0 ? trailers : NULL;
}

bool http1_decoder_is_started(const struct http1_decoder *d) {
  return d->start != NULL;
}

static bool is_digits(struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9')
      return false;
  }
  return text.len > 0;
}

// One framing, or a refusal.
static int read_framing(struct http1_decoder *d) {
  struct head *head = d->head;
  unsigned lengths = head_count(head, HEAD_CONTENT_LENGTH);
  unsigned encodings = head_count(head, HEAD_TRANSFER_ENCODING);
  if (lengths > 0 && encodings > 0)
    return fail(d, 400, STR("http1.content_length_and_chunked_not_allowed"));
  if (lengths > 1)
    return bad(d);
  if (encodings > 0) {
    if (head->minor == 0)
      return fail(d, 400, STR("http1.transfer_encoding_not_allowed"));
    struct str value = head_find(head, HEAD_TRANSFER_ENCODING)->value;
    if (encodings > 1 || !str_eq_nocase(value, STR("chunked")))
      return fail(d, 501, STR("http1.invalid_transfer_encoding"));
    head->length = HEAD_LENGTH_UNKNOWN;
  } else if (lengths > 0) {
    struct str value = head_find(head, HEAD_CONTENT_LENGTH)->value;
    if (value.len > 18 || !is_digits(value) || !str_to_i64(value, &head->length))
      return bad(d);
  } else {
    head->length = d->is_response ? HEAD_LENGTH_UNKNOWN : 0;
  }
  if (d->rules->body_max > 0 && head->length > 0 && (uint64_t)head->length > d->rules->body_max)
    return too_large(d);
  d->no_body |=
      d->is_response && (head->status < 200 || head->status == 204 || head->status == 304);
  return 0;
}

// Connection: what the peer wants of this hop. It may not take away what the proxy relies on.
static int read_connection(struct http1_decoder *d) {
  struct head *head = d->head;
  bool close = false, keep = false, upgrade = false;
  unsigned options = 0;
  bool has_connection = head_find(head, HEAD_CONNECTION);
  for (unsigned i = 0; has_connection && i < head->count; i++) {
    if (head->fields[i].id != HEAD_CONNECTION)
      continue;
    struct str rest = head->fields[i].value, part;
    while (str_next(&rest, ',', &part)) {
      part = str_trim(part);
      // Each of them is compared with every field: a long list would only cost time.
      if (++options > CONNECTION_OPTIONS_MAX)
        return fail(d, 400, STR("http1.connection_header_rejected"));
      enum head_name id = head_name_find(part);
      if (head_name_flags(id) & HEAD_IS_CRITICAL)
        return fail(d, 400, STR("http1.connection_header_rejected"));
      bool is_close = str_eq_nocase(part, STR("close"));
      close |= is_close;
      keep |= id == HEAD_KEEP_ALIVE;
      upgrade |= id == HEAD_UPGRADE;
      head->names_fields |= !is_close && !(head_name_flags(id) & HEAD_IS_HOP);
    }
  }
  head->keep_alive = !close && (head->minor == 1 || keep);
  head->wants_upgrade = upgrade && head_find(head, HEAD_UPGRADE);
  return 0;
}

static int read_host(struct http1_decoder *d) {
  struct head *head = d->head;
  struct str absolute = d->absolute;
  unsigned hosts = head_count(head, HEAD_HOST);
  if (hosts > 1)
    return bad(d);
  const struct head_field *host = head_find(head, HEAD_HOST);
  if (host && host->value.len > 0 && !head_authority_is_valid(host->value))
    return bad(d);
  if (!host && head->minor == 1)
    return fail(d, 400, STR("missing_host_header"));
  head->authority = absolute.ptr ? absolute : host ? host->value : STR_NULL;
  if (head->authority.len == 0)
    return fail(d, 400, STR("missing_host_header"));
  return 0;
}

static int finish_head(struct http1_decoder *d) {
  struct head *head = d->head;
  if (read_framing(d) != 0 || read_connection(d) != 0)
    return -1;
  if (d->is_response) {
    // A body that may not be there comes, perhaps, and would be taken for the next answer.
    if (head->status == 204 && (head->length > 0 || head_count(head, HEAD_TRANSFER_ENCODING) > 0))
      head->keep_alive = false;
    return 0;
  }
  const struct head_field *expect = head_find(head, HEAD_EXPECT);
  head->expects_continue =
      expect && head->minor == 1 && str_eq_nocase(expect->value, STR("100-continue"));
  return read_host(d);
}

// The empty lines that a client may send before a request (RFC 9112 2.2).
static size_t skip_empty_lines(const struct http1_decoder *d, const char *data, size_t len) {
  size_t at = 0;
  while (!d->is_response && at + 1 < len && data[at] == '\r' && data[at + 1] == '\n')
    at += 2;
  return at;
}

static enum http1_frame_kind frame_kind(const struct http1_decoder *d) {
  if (d->no_body || d->head->length >= 0)
    return HTTP1_FRAME_LENGTH;
  return head_count(d->head, HEAD_TRANSFER_ENCODING) > 0 ? HTTP1_FRAME_CHUNKS : HTTP1_FRAME_EOF;
}

static enum http1_event on_head(struct http1_decoder *d) {
  if (finish_head(d) != 0)
    return HTTP1_FAULT;
  d->head_done = true;
  uint64_t length = d->no_body || d->head->length < 0 ? 0 : (uint64_t)d->head->length;
  http1_frame_start(&d->frame, frame_kind(d), length);
  return HTTP1_HEAD;
}

static enum http1_event decode_body(struct http1_decoder *d, const char *data, size_t len,
                                    size_t *ret_used, struct str *ret_piece) {
  enum http1_event event = http1_frame_next(&d->frame, data, len, ret_used, ret_piece);
  if (event == HTTP1_FAULT) {
    (void)bad(d);
  } else if (d->rules->body_max > 0 && d->frame.body_bytes > d->rules->body_max) {
    (void)too_large(d);
    event = HTTP1_FAULT;
  }
  return event;
}

// Whether the field is left out, or the whole request refused.
static bool has_underscore(const struct http1_decoder *d, struct str name) {
  return d->rules->underscores != HTTP1_UNDERSCORES_ALLOW && str_find_char(name, '_') >= 0;
}

static int read_field(struct http1_decoder *d, size_t len) {
  struct str name, value;
  if (!http1_line_field(d->line, len, &name, &value))
    return bad(d);
  if (d->head->count + d->dropped >= HEAD_FIELDS_MAX)
    return fail(d, 431, STR("request_headers_too_large"));
  if (!has_underscore(d, name)) {
    head_add_lower(d->head, name, value);
    return 0;
  }
  if (d->rules->underscores == HTTP1_UNDERSCORES_REJECT)
    return fail(d, 400, STR("http1.unexpected_underscore"));
  d->dropped++;
  return 0;
}

static int read_first(struct http1_decoder *d, size_t len) {
  struct http1_fault found =
      d->is_response ? http1_line_status(d->line, len, d->head)
                     : http1_line_request(d->line, len, d->rules->path, d->head, &d->absolute);
  return found.status == 0 ? 0 : fault(d, found);
}

static bool is_first(const struct http1_decoder *d) {
  return d->line == d->start;
}

// A line that is not all there yet, of which the bytes from `from` on are new: what can be no head
// is refused now, not when the peer sends an end of line that may never come.
static int read_part(struct http1_decoder *d, const char *from, const char *end) {
  bool can_be =
      http1_line_may_hold(from, (size_t)(end - from)) &&
      (!is_first(d) || http1_line_may_begin(d->line, (size_t)(end - d->line), d->is_response));
  return can_be ? 0 : bad(d);
}

// Reads lines up to the empty one; returns the byte behind what was read.
static char *read_lines(struct http1_decoder *d, char *from, char *end, bool *ret_done) {
  while (from < end) {
    char *lf = memchr(from, '\n', (size_t)(end - from));
    if (!lf) {
      (void)read_part(d, from, end);
      return end;
    }
    size_t len = (size_t)(lf - d->line);
    from = lf + 1;
    *ret_done = len == 1 && d->line[0] == '\r' && !is_first(d);
    if (*ret_done || (is_first(d) ? read_first(d, len) : read_field(d, len)) != 0)
      return from;
    d->line = from;
  }
  return from;
}

static enum http1_event decode_head(struct http1_decoder *d, char *data, size_t len,
                                    size_t *ret_used) {
  size_t skipped = 0;
  if (!d->start) {
    skipped = skip_empty_lines(d, data, len);
    *ret_used = skipped;
    // A lone CR may be the first half of an empty line: leave it for the next call.
    if (skipped == len || (len - skipped == 1 && data[skipped] == '\r' && !d->is_response))
      return HTTP1_MORE;
    d->start = d->line = data + skipped;
  }
  bool done = false;
  char *behind = read_lines(d, data + skipped, data + len, &done);
  *ret_used = (size_t)(behind - data);
  d->head_len += *ret_used - skipped;
  if (d->head_len > HEAD_BYTES_MAX)
    (void)fail(d, 431, STR("request_headers_too_large"));
  if (d->fault.status != 0)
    return HTTP1_FAULT;
  return done ? on_head(d) : HTTP1_MORE;
}

enum http1_event http1_decode(struct http1_decoder *d, char *data, size_t len, size_t *ret_used,
                              struct str *ret_piece) {
  *ret_used = 0;
  *ret_piece = STR_NULL;
  if (d->fault.status != 0)
    return HTTP1_FAULT;
  if (d->head_done)
    return decode_body(d, data, len, ret_used, ret_piece);
  return len == 0 ? HTTP1_MORE : decode_head(d, data, len, ret_used);
}

enum http1_event http1_decode_eof(struct http1_decoder *d) {
  if (d->fault.status == 0 && d->head_done && http1_frame_eof(&d->frame) == HTTP1_END)
    return HTTP1_END;
  (void)bad(d);
  return HTTP1_FAULT;
}
